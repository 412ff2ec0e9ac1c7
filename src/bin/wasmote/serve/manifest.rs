//! What is to be served: from a `.wasm` file and flags, from a `wasmote.toml`, or from a `spin.toml`.

use crate::{
    features::Feature,
    grants::{DirectoryGrant, Environment, Variable},
    network,
    serve::{route::Pattern, spin},
    settings::{self, Profile, Resolved, Settings},
};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};
use wasmote::wasi::{http, sockets::policy::Rule};

/// One app: a program, where it answers, and what it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub name: String,
    pub program: PathBuf,
    pub routes: Vec<Pattern>,
    pub dirs: Vec<DirectoryGrant>,
    /// Files that it finds in `/`, and cannot change.
    pub files: Vec<FileGrant>,
    pub env: Vec<Variable>,
    pub allow_http: Vec<http::Rule>,
    pub allow_net: Vec<Rule>,
    pub allow_listen: Vec<Rule>,
    pub profile: Profile,
    pub settings: Vec<Settings>,
    /// Proposals of the Component Model that are on, besides what its settings say.
    pub features: Vec<Feature>,
    /// How many requests an instance answers, if more than one.
    pub reuse: Option<u64>,
    /// How many requests are answered at once, if that was said.
    pub max_concurrent: Option<usize>,
    /// Whether requests bring the headers that Spin gives.
    pub is_spin: bool,
}

/// A file, and the name it is seen under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    pub source: PathBuf,
    pub name: String,
}

/// Everything that is to be served.
#[derive(Debug)]
pub struct Manifest {
    pub apps: Vec<App>,
    /// What was asked for and cannot be had, one sentence each.
    pub unsupported: Vec<String>,
}

impl App {
    /// Its settings and limits.
    pub fn resolve(&self) -> Result<Resolved> {
        let resolved = Settings::resolve(&self.settings, self.profile);
        // It may be the manifest's, and so no flag's.
        let resolved = resolved.map_err(|misuse| anyhow::anyhow!("{misuse}"));
        resolved.with_context(|| format!("app `{}`", self.name))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default, rename = "app")]
    apps: Vec<Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    name: Option<String>,
    program: PathBuf,
    #[serde(default)]
    routes: Vec<String>,
    #[serde(default)]
    dirs: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Variables to take over.
    #[serde(default)]
    inherit_env: Vec<String>,
    #[serde(default)]
    allow_http: Vec<String>,
    #[serde(default)]
    allow_net: Vec<String>,
    #[serde(default)]
    allow_listen: Vec<String>,
    limits: Option<String>,
    reuse: Option<toml::Value>,
    max_concurrent: Option<toml::Value>,
    /// As `-W`.
    #[serde(default)]
    wasm: BTreeMap<String, Value>,
    /// As `-S`.
    #[serde(default)]
    wasi: BTreeMap<String, Value>,
}

/// A value of a setting, however it is written.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a setting is a text, a whole number from 0 on, or true or false")]
enum Value {
    Text(String),
    Number(u64),
    Truth(bool),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => if *truth { "y" } else { "n" }.into(),
        }
    }
}

/// The longest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Whether `path` names a manifest and not a program.
pub fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

/// Reads a manifest. Paths in it are relative to where it lies. What `given` says holds for each of its apps, unless
/// the app says something else.
pub fn read(path: &Path, given: &App) -> Result<Manifest> {
    let shown = path.display();
    let mut text = String::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(MANIFEST_BYTES_MAX + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read `{shown}`"))?;
    if read as u64 > MANIFEST_BYTES_MAX {
        bail!("`{shown}` is larger than 1 MiB: that is no manifest");
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let manifest = parse(&text, folder, given, &|name| std::env::var(name));
    let manifest = manifest.with_context(|| format!("`{shown}` cannot be served"))?;
    if manifest.apps.is_empty() {
        bail!("`{shown}` has no app: write [[app]] with program = \"app.wasm\" and routes = [\"/...\"]");
    }
    for (at, app) in manifest.apps.iter().enumerate() {
        if manifest.apps[..at].iter().any(|other| other.name == app.name) {
            bail!("`{shown}` has two apps `{}`: give each a name of its own", app.name);
        }
        app.resolve()?;
    }
    Ok(manifest)
}

/// Reads `text`, a manifest that lies in `folder`.
pub fn parse(text: &str, folder: &Path, given: &App, environment: Environment<'_>) -> Result<Manifest> {
    if spin::is_spin(text) {
        return spin::parse(text, folder, given, &|name| environment(name).ok());
    }
    let file: File = toml::from_str(text)?;
    let apps = file.apps.into_iter().map(|table| table.app(folder, given, environment));
    let apps = apps.collect::<Result<_>>()?;
    Ok(Manifest { apps, unsupported: Vec::new() })
}

impl Table {
    fn app(self, folder: &Path, given: &App, environment: Environment<'_>) -> Result<App> {
        let name = self.name.clone().or_else(|| Some(self.program.file_stem()?.to_str()?.into()));
        let name = name.context("an app has no name")?;
        self.named(name.clone(), folder, given, environment).with_context(|| format!("app `{name}`"))
    }

    fn named(self, name: String, folder: &Path, given: &App, environment: Environment<'_>) -> Result<App> {
        let mut app = App { name, program: folder.join(&self.program), ..given.clone() };
        let routes = self.routes.iter().map(|route| Pattern::parse(route).map_err(anyhow::Error::msg));
        app.routes = routes.collect::<Result<_>>()?;
        if app.routes.is_empty() {
            bail!("it has no routes: write routes = [\"/...\"] to have it answer everything");
        }
        for dir in &self.dirs {
            app.dirs.push(DirectoryGrant::parse(dir).map_err(anyhow::Error::msg)?.below(folder));
        }
        for (name, value) in &self.env {
            app.env.push(Variable::parse(&format!("{name}={value}")).map_err(anyhow::Error::msg)?);
        }
        for name in &self.inherit_env {
            app.env.push(Variable::inherited(name, environment)?);
        }
        for text in &self.allow_http {
            app.allow_http.push(rule("allow-http", text, network::destination)?);
        }
        for text in &self.allow_net {
            app.allow_net.push(rule("allow-net", text, network::rule)?);
        }
        for text in &self.allow_listen {
            app.allow_listen.push(rule("allow-listen", text, network::listen)?);
        }
        let reuse = |value| count(value, "reuse", "how many requests an instance answers");
        app.reuse = self.reuse.as_ref().map(reuse).transpose()?.or(given.reuse);
        let at_once = |value| count(value, "max-concurrent", "how many requests are answered at once");
        let at_once = self.max_concurrent.as_ref().map(at_once).transpose()?;
        app.max_concurrent = at_once.and_then(|count| usize::try_from(count).ok());
        app.profile = match self.limits.as_deref() {
            None => given.profile,
            Some("mcu") => Profile::Mcu,
            Some("server") => Profile::Server,
            Some(other) => bail!("there are no limits `{other}`: write mcu or server"),
        };
        for (parse, table) in [
            (settings::wasm as fn(&str) -> Result<Settings, String>, &self.wasm),
            (settings::system, &self.wasi),
        ] {
            for (key, value) in table {
                if key == "help" {
                    bail!("`help` is no setting");
                }
                let setting = parse(&format!("{key}={}", value.text())).map_err(anyhow::Error::msg)?;
                app.settings.push(setting);
            }
        }
        Ok(app)
    }
}

/// Reads the number of requests that stands under `key`.
fn count(value: &toml::Value, key: &str, meaning: &str) -> Result<u64> {
    let count = value.as_integer().and_then(|count| u64::try_from(count).ok());
    let count = count.filter(|count| (1..=1 << 20).contains(count));
    count.with_context(|| format!("`{key}`: write {meaning}, 1 to 1048576"))
}

/// Reads a rule that stands under `key`.
pub(super) fn rule<R>(key: &str, text: &str, parse: fn(&str) -> Result<R, String>) -> Result<R> {
    parse(text).map_err(|error| anyhow::anyhow!("{key} `{text}`: {error}"))
}

/// For tests: nothing.
#[cfg(test)]
pub(super) fn nothing_given() -> App {
    App {
        name: "given".into(),
        program: PathBuf::new(),
        routes: Vec::new(),
        dirs: Vec::new(),
        files: Vec::new(),
        env: Vec::new(),
        allow_http: Vec::new(),
        allow_net: Vec::new(),
        allow_listen: Vec::new(),
        profile: Profile::Server,
        settings: Vec::new(),
        features: Vec::new(),
        reuse: None,
        max_concurrent: None,
        is_spin: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_app_has_what_its_table_says_and_what_was_given() {
        let text = r#"
            [[app]]
            program = "apps/hello.wasm"
            routes = ["/hello/...", "/:user"]
            dirs = ["data::/data:ro"]
            env = { NAME = "Ada" }
            inherit-env = ["TOKEN"]
            allow-http = ["api.example.com"]
            allow-net = ["10.0.0.1:5432"]
            allow-listen = ["0.0.0.0:0"]
            limits = "mcu"
            reuse = 9
            max-concurrent = 7
            wasm = { fuel = 5, timeout = "2s", max-memory-size = "1M" }
            wasi = { inherit-env = true, max-resources = 9, hostcall-fuel = "64k", max-random-size = 32 }

            [[app]]
            name = "other"
            program = "/abs/other.wasm"
            routes = ["/..."]
        "#;
        let given = App { settings: vec![settings::wasm("fuel=7").unwrap()], ..nothing_given() };
        let token = |name: &str| Ok(format!("the {name}"));
        let manifest = parse(text, Path::new("/srv"), &given, &token).unwrap();
        let [hello, other] = &manifest.apps[..] else { panic!("{manifest:?}") };
        assert_eq!(hello.name, "hello");
        assert_eq!(hello.program, Path::new("/srv/apps/hello.wasm"));
        assert_eq!(hello.routes.len(), 2);
        assert_eq!(hello.dirs, [DirectoryGrant::parse("/srv/data::/data:ro").unwrap()]);
        assert_eq!(hello.env, ["NAME=Ada", "TOKEN=the TOKEN"].map(|text| Variable::parse(text).unwrap()));
        assert_eq!(hello.allow_http, ["api.example.com".parse().unwrap()]);
        assert_eq!(hello.allow_net, ["10.0.0.1:5432".parse().unwrap()]);
        assert_eq!(hello.allow_listen, ["0.0.0.0:0".parse().unwrap()]);
        let resolved = hello.resolve().unwrap();
        assert_eq!(resolved.fuel, Some(5));
        assert_eq!(resolved.timeout, Some(Duration::from_secs(2)));
        assert_eq!(resolved.limits.memory_bytes, 1 << 20);
        let limits = resolved.limits;
        assert_eq!((limits.handles, limits.host_call_bytes, limits.random_bytes), (9, 64 << 10, 32));
        assert_eq!(limits.descriptors, 32, "of the profile");
        assert!(resolved.inherit_env);
        assert_eq!((hello.reuse, other.reuse), (Some(9), None));
        assert_eq!((hello.max_concurrent, other.max_concurrent), (Some(7), None));
        assert_eq!(other.program, Path::new("/abs/other.wasm"));
        assert_eq!(other.resolve().unwrap().fuel, Some(7));
    }

    #[test]
    fn what_makes_no_sense_names_the_app_and_the_key() {
        for (app, part) in [
            ("routes = ['/']", "program"),
            ("program = 'a.wasm'", "no routes"),
            ("program = 'a.wasm'\nroutes = ['x']", "begins with `/`"),
            ("program = 'a.wasm'\nroutes = ['/']\nroute = '/'", "unknown field `route`"),
            ("program = 'a.wasm'\nroutes = ['/']\nwasm = { fule = 1 }", "there is no setting `fule`"),
            ("program = 'a.wasm'\nroutes = ['/']\nwasm = { help = 1 }", "no setting"),
            ("program = 'a.wasm'\nroutes = ['/']\nlimits = 'big'", "there are no limits `big`"),
            ("program = 'a.wasm'\nroutes = ['/']\ndirs = ['::']", "HOST::GUEST"),
            (
                "program = 'a.wasm'\nroutes = ['/']\nallow-http = ['x:y']",
                "allow-http `x:y`: what stands behind the colon is no port",
            ),
            ("program = 'a.wasm'\nroutes = ['/']\nallow-net = ['x']", "allow-net `x`: no port is named"),
            (
                "program = 'a.wasm'\nroutes = ['/']\nallow-listen = ['x:1']",
                "allow-listen `x:1`: a program listens",
            ),
            (
                "program = 'a.wasm'\nroutes = ['/']\nwasm = { fuel = 1.5 }",
                "fuel = 1.5 }\n  |                 ^^^\na setting is a text, a whole number",
            ),
            (
                "program = 'a.wasm'\nroutes = ['/']\nwasm = { fuel = -1 }",
                "a setting is a text, a whole number",
            ),
            ("program = 'a.wasm'\nroutes = ['/']\nreuse = 0", "`reuse`: write how many requests"),
            ("program = 'a.wasm'\nroutes = ['/']\nreuse = 'x'", "`reuse`: write how many requests"),
            ("program = 'a.wasm'\nroutes = ['/']\nmax-concurrent = 0", "`max-concurrent`: write how many"),
            ("program = 'a.wasm'\nroutes = ['/']\ninherit-env = ['NONE']", "give it a value under `env`"),
        ] {
            let text = format!("[[app]]\n{app}");
            let none = |_: &str| Err(std::env::VarError::NotPresent);
            let error = parse(&text, Path::new(""), &nothing_given(), &none).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{app}: {error:#}");
        }
    }
}
