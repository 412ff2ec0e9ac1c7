//! Running `.wast` scripts: the format that the suites of WebAssembly and of the Component Model are written in.
//!
//! One call runs one script and counts, per assertion, whether it held, did not hold, or could not be tried and why.
//! Every component instance gets a store of its own. The instances `host` and `wasmtime`, which upstream's scripts
//! import, are provided.

mod compare;
mod spectest;

use crate::{
    Error, Limits,
    component::{Component, Engine, Features, Instance, Linker, Store, Val},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use spectest::HostState;
use wast::{
    QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat,
    parser::{self, ParseBuffer},
    token::Span,
};

/// What became of a script.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Assertions that held.
    pub passed: usize,
    /// Assertions that did not, and directives that failed: line and reason.
    pub failed: Vec<(usize, String)>,
    /// Assertions that could not be tried: line and reason.
    pub skipped: Vec<(usize, String)>,
}

/// Runs a script with every feature on.
///
/// # Errors
///
/// When the text is no script: with the parser's message, which says where.
pub fn run(text: &str, features: Features) -> Result<Report, String> {
    let buffer = ParseBuffer::new(text).map_err(|error| error.to_string())?;
    let script = parser::parse::<Wast<'_>>(&buffer).map_err(|mut error| {
        error.set_text(text);
        error.to_string()
    })?;
    let mut runner = Runner::new(text, features);
    for directive in script.directives {
        let line = runner.line(directive.span());
        runner.directive(line, directive);
    }
    Ok(runner.report)
}

/// What running or loading something came to.
enum Outcome {
    Values(Vec<Val>),
    /// It failed, with this text.
    Failed(String),
    /// It needs something this runner or this runtime does not have.
    Unsupported(String),
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        match error.unsupported_feature() {
            Some(feature) => Self::Unsupported(feature.into()),
            None => Self::Failed(error.to_string()),
        }
    }
}

struct Current {
    store: Store<HostState>,
    instance: Instance,
}

struct Runner<'t> {
    text: &'t str,
    engine: Engine,
    linker: Linker<HostState>,
    report: Report,
    definitions: BTreeMap<Option<String>, Result<Component, String>>,
    /// Named instances that could not be made here, and what imports them cannot either.
    unsupported_names: Vec<String>,
    instances: BTreeMap<String, Current>,
    current: Option<Current>,
    name_of_current: Option<String>,
    /// Why there is no current instance, where making it failed for a reason that is not the script's.
    unsupported: Option<String>,
    names: u32,
}

fn limits() -> Limits {
    Limits {
        memory_bytes: 4 << 30,
        handles: 1 << 20,
        host_call_bytes: 1 << 30,
        tasks: 100_000,
        function_values: 1_000,
        instances: 100_000,
        ..Limits::server()
    }
}

impl<'t> Runner<'t> {
    fn new(text: &'t str, features: Features) -> Self {
        let engine = Engine::new(features, &limits());
        let mut linker = Linker::new(&engine);
        spectest::define(&mut linker);
        Self {
            text,
            engine,
            linker,
            report: Report::default(),
            definitions: BTreeMap::new(),
            unsupported_names: Vec::new(),
            instances: BTreeMap::new(),
            current: None,
            name_of_current: None,
            unsupported: None,
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
                match self.load(&mut module) {
                    Ok(component) => {
                        self.definitions.insert(name, Ok(component.clone()));
                        self.definitions.insert(None, Ok(component));
                    }
                    Err(outcome) => {
                        if let Outcome::Unsupported(why) = &outcome {
                            self.definitions.insert(name, Err(why.clone()));
                        }
                        self.not_made(line, &outcome);
                    }
                }
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let name = instance.map(|id| id.name().to_string());
                match self.definitions.get(&module.map(|id| id.name().to_string())).cloned() {
                    Some(Ok(component)) => self.instance(line, name, &component),
                    Some(Err(why)) => self.unsupported = Some(why),
                    None => self.not_made(line, &Outcome::Failed("no definition of this name".into())),
                }
            }
            WastDirective::Invoke(invoke) => match self.invoke(&invoke) {
                Outcome::Values(_) => {}
                outcome => self.not_made(line, &outcome),
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                let outcome = self.execute(exec);
                self.assert_return(line, outcome, &results);
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec);
                self.assert_failure(line, outcome, message);
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let outcome = self.invoke(&call);
                self.assert_failure(line, outcome, message);
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
            WastDirective::Register { .. } => self.skip(line, "register"),
            _ => self.skip(line, "a directive this runner does not know"),
        }
    }

    fn load(&self, module: &mut QuoteWat<'_>) -> Result<Component, Outcome> {
        let bytes = module.encode().map_err(|error| Outcome::Failed(error.to_string()))?;
        if is_core(module) {
            return match crate::engine::Module::load(self.engine.core(), &bytes) {
                Ok(_) => Err(Outcome::Unsupported("core modules by themselves".into())),
                Err(error) => Err(error.into()),
            };
        }
        Component::new(&self.engine, bytes).map_err(Outcome::from)
    }

    fn module(&mut self, line: usize, mut module: QuoteWat<'_>) {
        let name = module.name().map(|id| id.name().to_string());
        match self.load(&mut module) {
            Ok(component) => {
                self.definitions.insert(name.clone(), Ok(component.clone()));
                self.instance(line, name, &component);
            }
            Err(outcome) => {
                if let (Outcome::Unsupported(_), Some(name)) = (&outcome, name) {
                    self.unsupported_names.push(name);
                }
                self.not_made(line, &outcome);
            }
        }
    }

    fn instance(&mut self, line: usize, name: Option<String>, component: &Component) {
        let mut store = Store::new(&self.engine, HostState::default());
        match self.linker.instantiate(&mut store, component) {
            Ok(instance) => {
                self.unsupported = None;
                let made = Current { store, instance };
                if let Some(name) = &name {
                    self.names += 1;
                    made.instance.reflect(&made.store, &mut self.linker, name, self.names << 8);
                }
                if let (Some(old), Some(name)) = (self.current.replace(made), &self.name_of_current) {
                    self.instances.insert(name.clone(), old);
                }
                self.name_of_current = name;
            }
            Err(error) => {
                let needs = |name: &&String| {
                    error.missing_imports().iter().any(|missing| missing.module.contains(&***name))
                };
                let outcome = match self.unsupported_names.iter().find(needs) {
                    Some(name) => {
                        Outcome::Unsupported(format!("it imports `{name}`, which could not be made"))
                    }
                    None => error.into(),
                };
                self.not_made(line, &outcome);
            }
        }
    }

    /// Something failed that no assertion is about.
    fn not_made(&mut self, line: usize, outcome: &Outcome) {
        match outcome {
            Outcome::Unsupported(why) => {
                self.unsupported = Some(why.clone());
                self.report.skipped.push((line, why.clone()));
            }
            Outcome::Failed(why) => {
                self.unsupported = None;
                self.fail(line, why);
            }
            Outcome::Values(_) => {}
        }
    }

    fn fail(&mut self, line: usize, why: &str) {
        self.report.failed.push((line, why.to_string()));
    }

    fn skip(&mut self, line: usize, why: &str) {
        self.report.skipped.push((line, why.to_string()));
    }

    fn link(&mut self, module: Wat<'_>) -> Outcome {
        let mut module = QuoteWat::Wat(module);
        match self.load(&mut module) {
            Ok(component) => {
                let mut store = Store::new(&self.engine, HostState::default());
                match self.linker.instantiate(&mut store, &component) {
                    Ok(_) => Outcome::Values(Vec::new()),
                    Err(error) => error.into(),
                }
            }
            Err(outcome) => outcome,
        }
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Outcome {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.link(module),
            WastExecute::Get { .. } => Outcome::Unsupported("reading a global".into()),
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Outcome {
        if let Some(why) = &self.unsupported {
            return Outcome::Unsupported(why.clone());
        }
        let name = invoke.module.map(|id| id.name().to_string());
        let current = match name {
            Some(name) if Some(&name) != self.name_of_current.as_ref() => self.instances.get_mut(&name),
            _ => self.current.as_mut(),
        };
        let Some(Current { store, instance }) = current else {
            return Outcome::Failed("no instance to call".into());
        };
        let params: Option<Vec<Val>> = invoke.args.iter().map(argument).collect();
        let Some(params) = params else { return Outcome::Unsupported("core values".into()) };
        let func = match instance.get_func(store, invoke.name) {
            Ok(func) => func,
            Err(error) => return error.into(),
        };
        let mut results = vec![Val::Bool(false); func.result_count()];
        match func.call(store, &params, &mut results) {
            Ok(()) => Outcome::Values(results),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn assert_return(&mut self, line: usize, outcome: Outcome, expected: &[WastRet<'_>]) {
        let found = match outcome {
            Outcome::Values(found) => found,
            Outcome::Unsupported(why) => return self.skip(line, &why),
            Outcome::Failed(why) => return self.fail(line, &why),
        };
        let same = found.len() == expected.len()
            && expected.iter().zip(&found).all(|(expected, found)| match expected {
                WastRet::Component(expected) => compare::matches(expected, found),
                _ => false,
            });
        if same {
            self.report.passed += 1;
        } else {
            self.fail(line, &format!("expected {expected:?}, found {found:?}"));
        }
    }

    fn assert_failure(&mut self, line: usize, outcome: Outcome, message: &str) {
        match outcome {
            Outcome::Values(_) => self.fail(line, &format!("expected `{message}`, and it succeeded")),
            Outcome::Unsupported(why) => self.skip(line, &why),
            Outcome::Failed(why) if compare::message(message, &why) => self.report.passed += 1,
            Outcome::Failed(why) => self.fail(line, &format!("expected `{message}`, found `{why}`")),
        }
    }
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
