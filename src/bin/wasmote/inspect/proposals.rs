//! Which proposals a module uses: what there is of it beyond WebAssembly 1.0.

use std::collections::BTreeSet;
use wasmparser::{
    AbstractHeapType, BlockType, CompositeInnerType, ConstExpr, FuncType, GlobalType, HeapType, MemoryType,
    Operator, OperatorsReader, RecGroup, RefType, Result, StorageType, TableType, ValType,
};

/// The proposals seen so far, by their names in the WebAssembly organisation.
#[derive(Default)]
pub struct Proposals(BTreeSet<&'static str>);

macro_rules! proposal_of {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The proposal that brought an instruction.
        fn proposal_of(operator: &Operator<'_>) -> &'static str {
            match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "mvp",
            }
        }
    };
}
wasmparser::for_each_operator!(proposal_of);

/// A proposal's name from wasmparser's.
fn name(proposal: &'static str) -> &'static str {
    match proposal {
        "bulk_memory" => "bulk-memory",
        "reference_types" => "reference-types",
        "saturating_float_to_int" => "nontrapping-float-to-int",
        "sign_extension" => "sign-extension",
        "relaxed_simd" => "relaxed-simd",
        "tail_call" => "tail-call",
        "exceptions" => "exception-handling",
        "legacy_exceptions" => "legacy-exception-handling",
        "function_references" => "function-references",
        "stack_switching" => "stack-switching",
        "wide_arithmetic" => "wide-arithmetic",
        "memory_control" => "memory-control",
        "custom_descriptors" => "custom-descriptors",
        "shared_everything_threads" => "shared-everything-threads",
        "acquire_release_atomics" => "relaxed-atomics",
        other => other,
    }
}

impl Proposals {
    pub fn add(&mut self, proposal: &'static str) {
        self.0.insert(proposal);
    }

    pub fn into_set(self) -> BTreeSet<&'static str> {
        self.0
    }

    pub fn code(&mut self, operators: OperatorsReader<'_>) -> Result<()> {
        for operator in operators {
            self.operator(&operator?);
        }
        Ok(())
    }

    /// What an initial value or an offset is computed with.
    pub fn constant(&mut self, expression: &ConstExpr<'_>) -> Result<()> {
        for operator in expression.get_operators_reader() {
            let operator = operator?;
            self.operator(&operator);
            use Operator::{I32Add, I32Mul, I32Sub, I64Add, I64Mul, I64Sub};
            if matches!(operator, I32Add | I32Mul | I32Sub | I64Add | I64Mul | I64Sub) {
                self.add("extended-const");
            }
        }
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                match blockty {
                    BlockType::Empty => {}
                    BlockType::Type(ty) => self.value(*ty),
                    BlockType::FuncType(_) => self.add("multi-value"),
                }
            }
            _ => match proposal_of(operator) {
                "mvp" => {}
                proposal => self.add(name(proposal)),
            },
        }
    }

    pub fn types(&mut self, group: &RecGroup) {
        if group.is_explicit_rec_group() {
            self.add("gc");
        }
        for ty in group.types() {
            if !ty.supertype_idxs.is_empty() || !ty.is_final {
                self.add("gc");
            }
            match &ty.composite_type.inner {
                CompositeInnerType::Func(function) => self.function(function),
                CompositeInnerType::Array(array) => {
                    self.add("gc");
                    self.storage(array.0.element_type);
                }
                CompositeInnerType::Struct(structure) => {
                    self.add("gc");
                    structure.fields.iter().for_each(|field| self.storage(field.element_type));
                }
                CompositeInnerType::Cont(_) => self.add("stack-switching"),
            }
        }
    }

    fn function(&mut self, function: &FuncType) {
        if function.results().len() > 1 {
            self.add("multi-value");
        }
        function.params().iter().chain(function.results()).for_each(|ty| self.value(*ty));
    }

    fn storage(&mut self, ty: StorageType) {
        if let StorageType::Val(ty) = ty {
            self.value(ty);
        }
    }

    pub fn value(&mut self, ty: ValType) {
        match ty {
            ValType::V128 => self.add("simd"),
            ValType::Ref(ty) => self.reference(ty),
            _ => {}
        }
    }

    fn reference(&mut self, ty: RefType) {
        if ty == RefType::FUNCREF || ty == RefType::EXTERNREF {
            return self.add("reference-types");
        }
        self.add(match ty.heap_type() {
            HeapType::Abstract { ty: AbstractHeapType::Exn | AbstractHeapType::NoExn, .. } => {
                "exception-handling"
            }
            HeapType::Abstract { ty: AbstractHeapType::Cont | AbstractHeapType::NoCont, .. } => {
                "stack-switching"
            }
            HeapType::Abstract { ty: AbstractHeapType::Func | AbstractHeapType::Extern, .. } => {
                "function-references"
            }
            HeapType::Abstract { .. } => "gc",
            _ => "function-references",
        });
    }

    pub fn memory(&mut self, ty: &MemoryType) {
        let used = [
            (ty.memory64, "memory64"),
            (ty.shared, "threads"),
            (ty.page_size_log2.is_some(), "custom-page-sizes"),
        ];
        used.into_iter().filter(|(used, _)| *used).for_each(|(_, proposal)| self.add(proposal));
    }

    pub fn table(&mut self, ty: &TableType) {
        if ty.table64 {
            self.add("memory64");
        }
        // A table of functions is as old as WebAssembly.
        if ty.element_type != RefType::FUNCREF {
            self.reference(ty.element_type);
        }
    }

    pub fn global(&mut self, ty: &GlobalType) {
        self.value(ty.content_type);
        if ty.shared {
            self.add("shared-everything-threads");
        }
    }
}
