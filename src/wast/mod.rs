//! Running `.wast` scripts: the format that the suites of WebAssembly and of the Component Model are written in.
//!
//! One call runs one script and counts, per assertion, whether it held, did not hold, or could not be tried and why.
//! Every component instance gets a store of its own; core instances share one, so that they can link with each other.
//! The instances `spectest`, `host` and `wasmtime`, which upstream's scripts import, are provided.

mod bounds;
mod compare;
mod core;
mod spectest;

pub use self::bounds::Bounds;

use self::core::Core;
use crate::{
    Error, Limits, Trap,
    component::{Component, Engine, Features, Instance, Linker, Store, Val},
    engine,
};
use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use spectest::HostState;
use wast::{
    QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat,
    lexer::Lexer,
    parser::{self, ParseBuffer},
    token::{Id, Span},
};

/// What became of a script.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Assertions that held.
    pub passed: usize,
    /// Assertions that did not, and directives that failed: line and reason.
    pub failed: Vec<(usize, String)>,
    /// Assertions that could not be tried: line and reason.
    pub skipped: Vec<(usize, String)>,
}

/// Runs a script, however long its calls take.
///
/// # Errors
///
/// When the text is no script: with the parser's message, which says where.
pub fn run(text: &str, features: Features) -> Result<Report, String> {
    run_within(text, features, Bounds::default())
}

/// Runs a script, none of whose calls takes more than `bounds`.
///
/// # Errors
///
/// As [`run`].
pub fn run_within(text: &str, features: Features, bounds: Bounds) -> Result<Report, String> {
    let mut lexer = Lexer::new(text);
    // Upstream's scripts about names have names that read as something else.
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let script = parser::parse::<Wast<'_>>(&buffer).map_err(|mut error| {
        error.set_text(text);
        error.to_string()
    })?;
    let mut runner = Runner::new(text, features, bounds);
    for directive in script.directives {
        let line = runner.line(directive.span());
        runner.directive(line, directive);
    }
    Ok(runner.report)
}

/// What running or loading something came to.
enum Outcome {
    Values(Vec<Val>),
    Core(Vec<engine::script::Value>),
    /// A guest trapped, with this text.
    Trapped(String),
    /// It failed otherwise, with this text.
    Failed(String),
    /// It took more than a call may. No script expects that.
    Stopped(String),
    /// It needs something this runner or this runtime does not have.
    Unsupported(String),
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        match (error.unsupported_feature(), error.trap()) {
            (Some(feature), _) => Self::Unsupported(feature.into()),
            (None, Some(Trap::OutOfFuel)) => Self::Stopped(error.to_string()),
            (None, Some(_)) => Self::Trapped(error.to_string()),
            (None, None) => Self::Failed(error.to_string()),
        }
    }
}

impl Outcome {
    fn late(bounds: Bounds) -> Self {
        Self::Stopped(format!("it did not end within {:?}", bounds.time.unwrap_or_default()))
    }
}

/// What a script defines.
#[derive(Clone)]
enum Code {
    Component(Box<Component>),
    Module(engine::Module),
}

/// What a script made of it.
enum Made {
    Component(Box<(Store<HostState>, Instance)>),
    Core(engine::script::Instance),
    /// Nothing, for a reason that is not the script's.
    Unsupported(String),
}

/// The instances of a script: the last that was made, and those that have a name.
#[derive(Default)]
struct Instances {
    current: Option<(Option<String>, Made)>,
    named: BTreeMap<String, Made>,
}

impl Instances {
    fn add(&mut self, name: Option<String>, made: Made) {
        if let Some((Some(name), old)) = self.current.replace((name, made)) {
            self.named.insert(name, old);
        }
    }

    /// The instance called `name`; without a name, the last.
    fn find(&mut self, name: Option<Id<'_>>) -> Option<&mut Made> {
        let of_current = self.current.as_ref().and_then(|(name, _)| name.as_deref());
        match name {
            Some(name) if of_current != Some(name.name()) => self.named.get_mut(name.name()),
            _ => self.current.as_mut().map(|(_, made)| made),
        }
    }
}

struct Runner<'t> {
    text: &'t str,
    bounds: Bounds,
    engine: Engine,
    linker: Linker<HostState>,
    core: Core,
    report: Report,
    /// By name; without one, the last.
    definitions: BTreeMap<Option<String>, Result<Code, String>>,
    /// Named instances that could not be made here, and what imports them cannot either.
    unsupported_names: Vec<String>,
    instances: Instances,
    names: u32,
}

fn limits() -> Limits {
    Limits {
        // One memory past what 32 bits can name.
        memory_bytes: 5 << 30,
        handles: 1 << 20,
        host_call_bytes: 1 << 30,
        tasks: 100_000,
        function_values: 1_000,
        instances: 100_000,
        ..Limits::server()
    }
}

impl<'t> Runner<'t> {
    fn new(text: &'t str, features: Features, bounds: Bounds) -> Self {
        let engine = Engine::new(features, &limits());
        let mut linker = Linker::new(&engine);
        spectest::define(&mut linker);
        Self {
            text,
            bounds,
            engine,
            linker,
            core: Core::new(bounds),
            report: Report::default(),
            definitions: BTreeMap::new(),
            unsupported_names: Vec::new(),
            instances: Instances::default(),
            names: 0,
        }
    }

    fn line(&self, span: Span) -> usize {
        span.linecol_in(self.text).0 + 1
    }

    fn directive(&mut self, line: usize, directive: WastDirective<'_>) {
        match directive {
            WastDirective::Module(module) => self.module(line, module),
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name().map(|id| id.name().to_string());
                let defined = self.load_valid(&mut module);
                self.define(line, name, defined);
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let name = instance.map(|id| id.name().to_string());
                match self.definitions.get(&module.map(|id| id.name().to_string())).cloned() {
                    Some(Ok(code)) => self.instance(line, name, &code),
                    Some(Err(why)) => self.instances.add(name, Made::Unsupported(why)),
                    None => self.fail(line, "no definition of this name"),
                }
            }
            WastDirective::Invoke(invoke) => match self.invoke(&invoke) {
                Outcome::Values(_) | Outcome::Core(_) => {}
                Outcome::Unsupported(why) => self.skip(line, &why),
                Outcome::Trapped(why) | Outcome::Failed(why) | Outcome::Stopped(why) => self.fail(line, &why),
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                let outcome = self.execute(exec);
                self.assert_return(line, outcome, &results);
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec);
                self.assert_trap(line, outcome, message);
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call);
                self.assert_trap(line, outcome, message);
            }
            WastDirective::AssertInvalid { mut module, .. }
            | WastDirective::AssertMalformed { mut module, .. } => {
                // Why something is invalid is the validator's to say; upstream changes the words often.
                match self.load(&mut module) {
                    Ok(_) => self.fail(line, "it was accepted"),
                    Err(Outcome::Unsupported(why)) if is_core(&module) => self.skip(line, &why),
                    Err(_) => self.report.passed += 1,
                }
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                let outcome = self.link(module);
                self.assert_failure(line, outcome, message);
            }
            WastDirective::Register { name, module, .. } => self.register(line, name, module),
            WastDirective::AssertException { .. } => self.skip(line, "exception handling"),
            WastDirective::AssertSuspension { .. } => self.skip(line, "stack switching"),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => self.skip(line, "threads"),
            WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
                self.skip(line, "custom sections are not read");
            }
        }
    }

    fn load(&self, module: &mut QuoteWat<'_>) -> Result<Code, Outcome> {
        let bytes = module.encode().map_err(|error| Outcome::Failed(error.to_string()))?;
        if is_core(module) {
            return self.core.load(&bytes).map(Code::Module);
        }
        Component::new(&self.engine, bytes).map(Box::new).map(Code::Component).map_err(Outcome::from)
    }

    /// Loads what the script says is valid.
    fn load_valid(&self, module: &mut QuoteWat<'_>) -> Result<Code, Outcome> {
        self.load(module).map_err(|outcome| match &outcome {
            Outcome::Failed(why) => match core::proposal(why) {
                Some(proposal) => Outcome::Unsupported(proposal.into()),
                None => outcome,
            },
            _ => outcome,
        })
    }

    /// Keeps what a definition came to. Answers whether it can be used.
    fn define(&mut self, line: usize, name: Option<String>, defined: Result<Code, Outcome>) -> Option<Code> {
        let kept = match defined {
            Ok(code) => Ok(code),
            Err(Outcome::Unsupported(why)) => {
                self.skip(line, &why);
                Err(why)
            }
            Err(Outcome::Trapped(why) | Outcome::Failed(why) | Outcome::Stopped(why)) => {
                self.fail(line, &why);
                return None;
            }
            Err(Outcome::Values(_) | Outcome::Core(_)) => return None,
        };
        self.definitions.insert(None, kept.clone());
        self.definitions.insert(name, kept.clone());
        kept.ok()
    }

    fn module(&mut self, line: usize, mut module: QuoteWat<'_>) {
        let name = module.name().map(|id| id.name().to_string());
        let loaded = self.load_valid(&mut module);
        if let Err(Outcome::Unsupported(why)) = &loaded {
            self.unsupported(name.clone(), why.clone());
        }
        if let Some(code) = self.define(line, name.clone(), loaded) {
            self.instance(line, name, &code);
        }
    }

    fn instance(&mut self, line: usize, name: Option<String>, code: &Code) {
        match self.instantiate(code) {
            Ok(made) => {
                if let (Made::Component(made), Some(name)) = (&made, &name) {
                    let (store, instance) = &**made;
                    self.names += 1;
                    instance.reflect(store, &mut self.linker, name, self.names << 8);
                }
                self.instances.add(name, made);
            }
            Err(Outcome::Unsupported(why)) => {
                self.skip(line, &why);
                self.unsupported(name, why);
            }
            Err(Outcome::Trapped(why) | Outcome::Failed(why) | Outcome::Stopped(why)) => {
                self.fail(line, &why)
            }
            Err(Outcome::Values(_) | Outcome::Core(_)) => {}
        }
    }

    /// Notes that there is no instance, for a reason that is not the script's.
    fn unsupported(&mut self, name: Option<String>, why: String) {
        self.unsupported_names.extend(name.clone());
        self.instances.add(name, Made::Unsupported(why));
    }

    fn instantiate(&mut self, code: &Code) -> Result<Made, Outcome> {
        let component = match code {
            Code::Module(module) => return self.core.instantiate(module).map(Made::Core),
            Code::Component(component) => component,
        };
        let mut store = Store::new(&self.engine, HostState::default());
        grant(&mut store, self.bounds)?;
        match self.linker.instantiate(&mut store, component) {
            Ok(instance) => Ok(Made::Component(Box::new((store, instance)))),
            Err(error) => {
                let needs = |name: &&String| {
                    error.missing_imports().iter().any(|missing| missing.module.contains(&***name))
                };
                Err(match self.unsupported_names.iter().find(needs) {
                    Some(name) => {
                        Outcome::Unsupported(format!("it imports `{name}`, which could not be made"))
                    }
                    None => error.into(),
                })
            }
        }
    }

    fn register(&mut self, line: usize, name: &str, module: Option<Id<'_>>) {
        let instance = match self.instances.find(module) {
            Some(Made::Core(instance)) => Ok(*instance),
            Some(Made::Unsupported(why)) => Err(why.clone()),
            Some(Made::Component(_)) => return self.skip(line, "registering a component's instance"),
            None => return self.fail(line, "no instance to register"),
        };
        self.core.register(name, instance);
    }

    fn fail(&mut self, line: usize, why: &str) {
        self.report.failed.push((line, why.to_string()));
    }

    fn skip(&mut self, line: usize, why: &str) {
        self.report.skipped.push((line, why.to_string()));
    }

    fn link(&mut self, module: Wat<'_>) -> Outcome {
        let loaded = self.load_valid(&mut QuoteWat::Wat(module));
        match loaded.and_then(|code| self.instantiate(&code)) {
            Ok(_) => Outcome::Values(Vec::new()),
            Err(outcome) => outcome,
        }
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Outcome {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.link(module),
            WastExecute::Get { module, global, .. } => match self.instances.find(module) {
                Some(Made::Core(instance)) => self.core.global(*instance, global),
                Some(Made::Unsupported(why)) => Outcome::Unsupported(why.clone()),
                Some(Made::Component(_)) => Outcome::Failed("components have no globals".into()),
                None => Outcome::Failed("no instance to read from".into()),
            },
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Outcome {
        let bounds = self.bounds;
        match self.instances.find(invoke.module) {
            Some(made @ Made::Component(_)) => call_of(made, invoke, bounds),
            Some(Made::Core(instance)) => {
                let params = invoke.args.iter().map(|argument| match argument {
                    WastArg::Core(value) => core::value(value),
                    _ => None,
                });
                match params.collect::<Option<Vec<_>>>() {
                    Some(params) => self.core.invoke(*instance, invoke.name, &params),
                    None => Outcome::Unsupported("references that only garbage collection has".into()),
                }
            }
            Some(Made::Unsupported(why)) => Outcome::Unsupported(why.clone()),
            None => Outcome::Failed("no instance to call".into()),
        }
    }

    fn assert_return(&mut self, line: usize, outcome: Outcome, expected: &[WastRet<'_>]) {
        let (same, found) = match outcome {
            Outcome::Values(found) => {
                let same = all(expected, &found, |expected, found| match expected {
                    WastRet::Component(expected) => compare::matches(expected, found),
                    _ => false,
                });
                (same, format!("{found:?}"))
            }
            Outcome::Core(found) => {
                let same = all(expected, &found, |expected, found| match expected {
                    WastRet::Core(expected) => core::matches(expected, *found),
                    _ => false,
                });
                (same, format!("{found:x?}"))
            }
            Outcome::Unsupported(why) => return self.skip(line, &why),
            Outcome::Trapped(why) | Outcome::Failed(why) | Outcome::Stopped(why) => {
                return self.fail(line, &why);
            }
        };
        if same {
            self.report.passed += 1;
        } else {
            self.fail(line, &format!("expected {expected:?}, found {found}"));
        }
    }

    /// Only a guest traps: a call of what is not there, or with other parameters, is a script's mistake.
    fn assert_trap(&mut self, line: usize, outcome: Outcome, message: &str) {
        match outcome {
            Outcome::Failed(why) => {
                self.fail(line, &format!("expected a trap, `{message}`, and it did not come to one: {why}"));
            }
            outcome => self.assert_failure(line, outcome, message),
        }
    }

    fn assert_failure(&mut self, line: usize, outcome: Outcome, message: &str) {
        match outcome {
            Outcome::Values(_) | Outcome::Core(_) => {
                self.fail(line, &format!("expected `{message}`, and it succeeded"));
            }
            Outcome::Unsupported(why) => self.skip(line, &why),
            Outcome::Trapped(why) | Outcome::Failed(why) if compare::message(message, &why) => {
                self.report.passed += 1;
            }
            Outcome::Trapped(why) | Outcome::Failed(why) | Outcome::Stopped(why) => {
                self.fail(line, &format!("expected `{message}`, found `{why}`"));
            }
        }
    }
}

/// Grants a store what a call may take, from here on.
fn grant(store: &mut Store<HostState>, bounds: Bounds) -> Result<(), Error> {
    bounds.fuel.map_or(Ok(()), |fuel| store.set_fuel(fuel))
}

/// Calls a function of `made`, a component's instance. One that had to be stopped is none any more: a call that was
/// left would go on with the next.
fn call_of(made: &mut Made, invoke: &WastInvoke<'_>, bounds: Bounds) -> Outcome {
    let Made::Component(inner) = made else { return Outcome::Failed("no component".into()) };
    let (store, instance) = &mut **inner;
    let outcome = call(store, instance, invoke, bounds);
    if let Outcome::Stopped(why) = &outcome {
        *made = Made::Unsupported(format!("its instance was stopped before: {why}"));
    }
    outcome
}

/// Calls a component's function.
fn call(
    store: &mut Store<HostState>,
    instance: &Instance,
    invoke: &WastInvoke<'_>,
    bounds: Bounds,
) -> Outcome {
    let params: Option<Vec<Val>> = invoke.args.iter().map(argument).collect();
    let Some(params) = params else { return Outcome::Unsupported("core values".into()) };
    let func = match instance.get_func(&*store, invoke.name) {
        Ok(func) => func,
        Err(error) => return error.into(),
    };
    let mut results = vec![Val::Bool(false); func.result_count()];
    if let Err(error) = grant(store, bounds) {
        return error.into();
    }
    match bounds.deadline().drive(func.call_async(store, &params, &mut results)) {
        Some(Ok(())) => Outcome::Values(results),
        Some(Err(error)) => error.into(),
        None => Outcome::late(bounds),
    }
}

/// Whether there are as many as expected, and each is as expected.
fn all<E, F>(expected: &[E], found: &[F], matches: impl Fn(&E, &F) -> bool) -> bool {
    found.len() == expected.len()
        && expected.iter().zip(found).all(|(expected, found)| matches(expected, found))
}

fn is_core(module: &QuoteWat<'_>) -> bool {
    matches!(module, QuoteWat::Wat(Wat::Module(_)) | QuoteWat::QuoteModule(..))
}

fn argument(argument: &WastArg<'_>) -> Option<Val> {
    match argument {
        WastArg::Component(value) => Some(compare::value(value)),
        _ => None,
    }
}
