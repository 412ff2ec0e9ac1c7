//! From the validator's types to ours.
//!
//! The validator has resolved every alias and knows which resource is which; here its answer is copied into
//! [`Types`], so that nothing of the validator outlives the load.

use crate::component::types::{
    ComponentTypeDef, CoreType, CoreVal, FuncTypeId, ItemType, Items, ModuleTypeDef, ResourceIx, TypeDef,
    Types, ValType,
};
use alloc::{boxed::Box, collections::BTreeMap, string::ToString, sync::Arc};
use wasmparser::{
    PrimitiveValType,
    component_types::{
        ComponentAnyTypeId, ComponentCoreModuleTypeId, ComponentDefinedType, ComponentDefinedTypeId,
        ComponentEntityType, ComponentFuncTypeId, ComponentInstanceTypeId, ComponentItem, ComponentTypeId,
        ComponentValType, ResourceId,
    },
    types::{EntityType, TypesRef},
};

/// Copies types, each once.
#[derive(Default)]
pub(crate) struct Resolver {
    pub(crate) types: Types,
    defined: BTreeMap<ComponentDefinedTypeId, ValType>,
    funcs: BTreeMap<ComponentFuncTypeId, FuncTypeId>,
    instances: BTreeMap<ComponentInstanceTypeId, u32>,
    components: BTreeMap<ComponentTypeId, u32>,
    modules: BTreeMap<ComponentCoreModuleTypeId, u32>,
    resources: BTreeMap<ResourceId, ResourceIx>,
}

impl Resolver {
    /// The number of a resource; a new one the first time it is seen.
    pub(crate) fn resource(&mut self, id: ResourceId) -> ResourceIx {
        if let Some(ix) = self.resources.get(&id) {
            return *ix;
        }
        let ix = ResourceIx(self.resources.len() as u32);
        self.resources.insert(id, ix);
        self.types.resource_names.push("resource".into());
        ix
    }

    pub(crate) fn val_type(&mut self, from: TypesRef<'_>, ty: ComponentValType) -> ValType {
        match ty {
            ComponentValType::Primitive(primitive) => primitive_type(primitive),
            ComponentValType::Type(id) => self.defined_type(from, id),
        }
    }

    fn optional(&mut self, from: TypesRef<'_>, ty: Option<ComponentValType>) -> Option<ValType> {
        ty.map(|ty| self.val_type(from, ty))
    }

    // The recursion is as deep as types nest, which the validator bounds.
    pub(crate) fn defined_type(&mut self, from: TypesRef<'_>, id: ComponentDefinedTypeId) -> ValType {
        if let Some(ty) = self.defined.get(&id) {
            return *ty;
        }
        let def = match &from[id] {
            ComponentDefinedType::Primitive(primitive) => {
                let ty = primitive_type(*primitive);
                self.defined.insert(id, ty);
                return ty;
            }
            ComponentDefinedType::Record(record) => TypeDef::Record(
                record
                    .fields
                    .iter()
                    .map(|(name, ty)| (name.as_str().into(), self.val_type(from, *ty)))
                    .collect(),
            ),
            ComponentDefinedType::Variant(variant) => TypeDef::Variant(
                variant
                    .cases
                    .iter()
                    .map(|(name, case)| (name.as_str().into(), self.optional(from, case.ty)))
                    .collect(),
            ),
            ComponentDefinedType::List { element, .. } => TypeDef::List(self.val_type(from, *element)),
            ComponentDefinedType::Map { key, value, .. } => {
                let (key, value) = (self.val_type(from, *key), self.val_type(from, *value));
                self.types.intern(TypeDef::Tuple(Box::new([key, value])));
                TypeDef::Map(key, value)
            }
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                TypeDef::FixedList(self.val_type(from, *element), *length)
            }
            ComponentDefinedType::Tuple(tuple) => {
                TypeDef::Tuple(tuple.types.iter().map(|ty| self.val_type(from, *ty)).collect())
            }
            ComponentDefinedType::Flags(names) => {
                TypeDef::Flags(names.iter().map(|name| name.as_str().into()).collect())
            }
            ComponentDefinedType::Enum(names) => {
                TypeDef::Enum(names.iter().map(|name| name.as_str().into()).collect())
            }
            ComponentDefinedType::Option { ty, .. } => TypeDef::Option(self.val_type(from, *ty)),
            ComponentDefinedType::Result { ok, err, .. } => {
                TypeDef::Result(self.optional(from, *ok), self.optional(from, *err))
            }
            ComponentDefinedType::Own(id) => TypeDef::Own(self.resource(id.resource())),
            ComponentDefinedType::Borrow(id) => TypeDef::Borrow(self.resource(id.resource())),
            ComponentDefinedType::Future { ty, .. } => TypeDef::Future(self.optional(from, *ty)),
            ComponentDefinedType::Stream { ty, .. } => TypeDef::Stream(self.optional(from, *ty)),
        };
        let ty = ValType::Def(self.types.declare(def));
        self.defined.insert(id, ty);
        ty
    }

    pub(crate) fn func_type(&mut self, from: TypesRef<'_>, id: ComponentFuncTypeId) -> FuncTypeId {
        if let Some(ty) = self.funcs.get(&id) {
            return *ty;
        }
        let func = &from[id];
        let params = func
            .params
            .iter()
            .map(|(name, ty)| (Arc::from(name.as_str()), self.val_type(from, *ty)))
            .collect();
        let result = self.optional(from, func.result);
        let ty = self.types.add_func(func.async_, params, result);
        self.funcs.insert(id, ty);
        ty
    }

    pub(crate) fn instance_type(&mut self, from: TypesRef<'_>, id: ComponentInstanceTypeId) -> u32 {
        if let Some(ix) = self.instances.get(&id) {
            return *ix;
        }
        let items = self.items(from, from[id].exports.iter());
        let ix = self.types.add_instance(items);
        self.instances.insert(id, ix);
        ix
    }

    pub(crate) fn component_type(&mut self, from: TypesRef<'_>, id: ComponentTypeId) -> u32 {
        if let Some(ix) = self.components.get(&id) {
            return *ix;
        }
        let imports = self.items(from, from[id].imports.iter());
        let exports = self.items(from, from[id].exports.iter());
        self.types.components.push(ComponentTypeDef { imports, exports });
        let ix = self.types.components.len() as u32 - 1;
        self.components.insert(id, ix);
        ix
    }

    fn items<'a>(
        &mut self,
        from: TypesRef<'_>,
        items: impl Iterator<Item = (&'a alloc::string::String, &'a ComponentItem)>,
    ) -> Items {
        items.map(|(name, item)| (Arc::from(name.as_str()), self.item_type(from, name, item.ty))).collect()
    }

    pub(crate) fn item_type(&mut self, from: TypesRef<'_>, name: &str, ty: ComponentEntityType) -> ItemType {
        match ty {
            ComponentEntityType::Module(id) => ItemType::Module(self.module_type(from, id)),
            ComponentEntityType::Func(id) => ItemType::Func(self.func_type(from, id)),
            ComponentEntityType::Value(_) => ItemType::Value,
            ComponentEntityType::Instance(id) => ItemType::Instance(self.instance_type(from, id)),
            ComponentEntityType::Component(id) => ItemType::Component(self.component_type(from, id)),
            ComponentEntityType::Type { created, .. } => match created {
                ComponentAnyTypeId::Resource(id) => {
                    let ix = self.resource(id.resource());
                    self.types.resource_names[ix.0 as usize] = name.into();
                    ItemType::Resource(ix)
                }
                ComponentAnyTypeId::Defined(id) => ItemType::Type(Some(self.defined_type(from, id))),
                _ => ItemType::Type(None),
            },
        }
    }

    pub(crate) fn module_type(&mut self, from: TypesRef<'_>, id: ComponentCoreModuleTypeId) -> u32 {
        if let Some(ix) = self.modules.get(&id) {
            return *ix;
        }
        let module = &from[id];
        let imports = module.imports.iter();
        let imports = imports
            .map(|((module, name), ty)| {
                (Arc::from(module.as_str()), Arc::from(name.as_str()), core_type(from, ty))
            })
            .collect();
        let exports = module.exports.iter().map(|(name, ty)| (Arc::from(name.as_str()), core_type(from, ty)));
        let exports = exports.collect();
        self.types.modules.push(ModuleTypeDef { imports, exports });
        let ix = self.types.modules.len() as u32 - 1;
        self.modules.insert(id, ix);
        ix
    }
}

fn core_type(from: TypesRef<'_>, ty: &EntityType) -> CoreType {
    match ty {
        EntityType::Func(id) | EntityType::FuncExact(id) => {
            let sub = &from[*id];
            let wasmparser::CompositeInnerType::Func(func) = &sub.composite_type.inner else {
                return CoreType::Tag;
            };
            let list = |types: &[wasmparser::ValType]| types.iter().map(core_val).collect();
            CoreType::Func(list(func.params()), list(func.results()))
        }
        EntityType::Table(table) => CoreType::Table {
            min: table.initial,
            max: table.maximum,
            is_64: table.table64,
            element: core_val(&wasmparser::ValType::Ref(table.element_type)),
        },
        EntityType::Memory(memory) => CoreType::Memory {
            min: memory.initial,
            max: memory.maximum,
            is_64: memory.memory64,
            shared: memory.shared,
        },
        EntityType::Global(global) => {
            CoreType::Global { ty: core_val(&global.content_type), mutable: global.mutable }
        }
        EntityType::Tag(_) => CoreType::Tag,
    }
}

fn core_val(ty: &wasmparser::ValType) -> CoreVal {
    match *ty {
        wasmparser::ValType::I32 => CoreVal::I32,
        wasmparser::ValType::I64 => CoreVal::I64,
        wasmparser::ValType::F32 => CoreVal::F32,
        wasmparser::ValType::F64 => CoreVal::F64,
        wasmparser::ValType::V128 => CoreVal::V128,
        wasmparser::ValType::Ref(ty) if ty == wasmparser::RefType::FUNCREF => CoreVal::FuncRef,
        wasmparser::ValType::Ref(ty) if ty == wasmparser::RefType::EXTERNREF => CoreVal::ExternRef,
        wasmparser::ValType::Ref(_) => CoreVal::Other,
    }
}

pub(crate) fn primitive_type(primitive: PrimitiveValType) -> ValType {
    match primitive {
        PrimitiveValType::Bool => ValType::Bool,
        PrimitiveValType::S8 => ValType::S8,
        PrimitiveValType::U8 => ValType::U8,
        PrimitiveValType::S16 => ValType::S16,
        PrimitiveValType::U16 => ValType::U16,
        PrimitiveValType::S32 => ValType::S32,
        PrimitiveValType::U32 => ValType::U32,
        PrimitiveValType::S64 => ValType::S64,
        PrimitiveValType::U64 => ValType::U64,
        PrimitiveValType::F32 => ValType::F32,
        PrimitiveValType::F64 => ValType::F64,
        PrimitiveValType::Char => ValType::Char,
        PrimitiveValType::String => ValType::String,
        PrimitiveValType::ErrorContext => ValType::ErrorContext,
    }
}

/// A load error from the validator's.
pub(crate) fn invalid(error: &wasmparser::Error) -> crate::Error {
    const GATES: [&str; 5] = [
        "requires the `cm",
        "require the `cm",
        "requires the component model ",
        "require the component model ",
        // Of a thread's start function, where 64-bit memories are off.
        "`i32` argument (currently)",
    ];
    if GATES.iter().any(|words| error.message().contains(words)) {
        return crate::Error::unsupported("a proposal of the Component Model that is off", error.message());
    }
    crate::Error::malformed(error.message().to_string(), usize::try_from(error.offset()).ok())
}
