//! Reads a `spin.toml` (manifest version 2): its HTTP triggers, their components, files, environment and allowed hosts.
//!
//! What it asks for and cannot have is said: where a component cannot work without, as an error; where it may, as a
//! sentence for the log.

use crate::{
    grants::{DirectoryGrant, Variable},
    network,
    serve::{
        manifest::{App, FileGrant, Manifest, rule},
        route::Pattern,
    },
};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Component as PathPart, Path, PathBuf},
};
use wasmote::cap::http::Request;

#[derive(Debug, Deserialize)]
struct File {
    spin_manifest_version: u32,
    #[serde(default)]
    variables: BTreeMap<String, VariableTable>,
    #[serde(default)]
    trigger: BTreeMap<String, Vec<Trigger>>,
    #[serde(default)]
    component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
struct VariableTable {
    default: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    route: Option<Route>,
    component: Option<Reference>,
    executor: Option<Executor>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a route is a path, or { private = true }")]
enum Route {
    Path(String),
    Private { private: bool },
}

#[derive(Debug, Deserialize)]
struct Executor {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a trigger's component is the name of one, or one itself: { source = \"file.wasm\" }"
)]
enum Reference {
    Name(String),
    Inline(Box<Component>),
}

#[derive(Clone, Debug, Deserialize)]
struct Component {
    source: Source,
    #[serde(default)]
    files: Vec<Files>,
    #[serde(default)]
    exclude_files: Vec<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    allowed_http_hosts: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    variables: BTreeMap<String, toml::Value>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    ai_models: Vec<String>,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a source is a file")]
enum Source {
    File(PathBuf),
    /// A registry, or a URL.
    Elsewhere(serde::de::IgnoredAny),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`files` are patterns (\"assets/*\") and directories ({ source = \"assets\", destination = \"/\" })"
)]
enum Files {
    Pattern(String),
    Mount { source: String, destination: String },
}

/// Whether `text` is a manifest of Spin's.
pub fn is_spin(text: &str) -> bool {
    let names = |line: &str, key: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().any(|line| names(line, "spin_manifest_version") || names(line, "spin_version"))
}

/// Reads `text`, a manifest that lies in `folder`. `environment` has the variables of this process.
pub fn parse(
    text: &str,
    folder: &Path,
    given: &App,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Manifest> {
    let version: toml::Table = toml::from_str(text)?;
    if version.get("spin_manifest_version").and_then(toml::Value::as_integer) != Some(2) {
        bail!("it is no Spin manifest of version 2: `spin doctor` brings an old one up to date");
    }
    let file: File = toml::from_str(text)?;
    debug_assert_eq!(file.spin_manifest_version, 2);
    let mut reader = Reader { folder, given, file: &file, environment, unsupported: Vec::new() };
    let base = ["application", "trigger", "http", "base"];
    let version = toml::Value::Table(version);
    let base = base.iter().try_fold(&version, |value, key| value.get(key));
    if base.is_some_and(|base| base.as_str() != Some("/")) {
        reader.unsupported.push(
            "`base` of [application.trigger.http] is left out of account: write it into the routes".into(),
        );
    }
    let mut apps: Vec<App> = Vec::new();
    for (kind, triggers) in &file.trigger {
        if kind != "http" {
            reader.unsupported.push(format!("triggers of the kind `{kind}` are not served, only `http`"));
            continue;
        }
        for (at, trigger) in triggers.iter().enumerate() {
            let app = reader.trigger(trigger, at)?;
            // Only where both triggers name the same component.
            match apps.iter_mut().find(|known| known.name == app.name) {
                Some(known) => known.routes.extend(app.routes),
                None => apps.push(app),
            }
        }
    }
    if apps.is_empty() {
        let others = reader.unsupported.join("; ");
        bail!(
            "it has no [[trigger.http]], and nothing else is served{}{others}",
            if others.is_empty() { "" } else { ": " }
        );
    }
    Ok(Manifest { apps, unsupported: reader.unsupported })
}

struct Reader<'r> {
    folder: &'r Path,
    given: &'r App,
    file: &'r File,
    environment: &'r dyn Fn(&str) -> Option<String>,
    unsupported: Vec<String>,
}

impl Reader<'_> {
    fn trigger(&mut self, trigger: &Trigger, at: usize) -> Result<App> {
        let (name, component) = match trigger.component.as_ref() {
            Some(Reference::Name(name)) => {
                let component = self.file.component.get(name);
                let component = component.with_context(|| format!("there is no [component.{name}]"))?;
                (name.clone(), component)
            }
            Some(Reference::Inline(component)) => (self.inline_name(at), &**component),
            None => bail!("a [[trigger.http]] names no component"),
        };
        if let Some(Executor { kind }) = &trigger.executor
            && !matches!(kind.as_str(), "http" | "spin" | "wasip2" | "wasi")
        {
            bail!(
                "component `{name}`: executors of the type `{kind}` are not supported, only WASI components"
            );
        }
        let mut app = self.component(&name, component).with_context(|| format!("component `{name}`"))?;
        match &trigger.route {
            Some(Route::Path(route)) => {
                let route = Pattern::parse(route).map_err(anyhow::Error::msg);
                app.routes = vec![route.with_context(|| format!("the trigger of component `{name}`"))?];
            }
            Some(Route::Private { private: true }) => {
                self.unsupported
                    .push(format!("component `{name}` is private: calls between components are not served"));
            }
            _ => bail!("the trigger of component `{name}` has no route"),
        }
        Ok(app)
    }

    /// What a component is called that stands in a trigger itself: as no other one is, or their triggers would be taken for
    /// those of one component, and it would have the other's program and grants.
    fn inline_name(&self, at: usize) -> String {
        let mut name = format!("http-{at}");
        while self.file.component.contains_key(&name) {
            name.push_str("-inline");
        }
        name
    }

    fn component(&mut self, name: &str, component: &Component) -> Result<App> {
        let Source::File(source) = &component.source else {
            bail!("its source is not a file: download it, and write source = \"file.wasm\"");
        };
        if !component.dependencies.is_empty() {
            bail!("`dependencies` are not supported: compose the components into one before");
        }
        let mut app = App {
            name: name.into(),
            program: self.folder.join(source),
            routes: Vec::new(),
            is_spin: true,
            ..self.given.clone()
        };
        for (name, value) in &component.environment {
            app.env.push(Variable::parse(&format!("{name}={value}")).map_err(anyhow::Error::msg)?);
        }
        for host in component.allowed_outbound_hosts.iter().chain(&component.allowed_http_hosts) {
            self.outbound(name, host, &mut app)?;
        }
        for files in &component.files {
            self.files(files, &component.exclude_files, &mut app)?;
        }
        for (what, given) in [
            ("key_value_stores", !component.key_value_stores.is_empty()),
            ("sqlite_databases", !component.sqlite_databases.is_empty()),
            ("ai_models", !component.ai_models.is_empty()),
            ("variables", !component.variables.is_empty()),
        ] {
            if given {
                self.unsupported
                    .push(format!("component `{name}`: `{what}` are not supported, it finds none"));
            }
        }
        Ok(app)
    }

    /// One of `allowed_outbound_hosts`: a scheme, a host or a range of addresses, and a port or a range of them, each of
    /// which may be `*`.
    fn outbound(&mut self, name: &str, text: &str, app: &mut App) -> Result<()> {
        let host = self.expand(text)?;
        let http = |text: &str| rule("allowed_outbound_hosts", text, network::destination);
        let net = |text: &str| rule("allowed_outbound_hosts", text, network::rule);
        let Some((scheme, rest)) = host.split_once("://") else {
            // Only the old list has them so.
            app.allow_http.push(http(&host)?);
            return Ok(());
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let host = with_ports(scheme, rest);
        match scheme {
            "http" | "https" if rest == "self" || rest.ends_with(".spin.internal") => {
                self.unsupported
                    .push(format!("component `{name}`: calls of other components (`{text}`) are not served"));
            }
            "http" | "https" => app.allow_http.push(http(&format!("{scheme}://{host}"))?),
            "*" => {
                app.allow_http.push(http(&host)?);
                app.allow_net.push(net(&host)?);
            }
            // Databases and the like, which a component reaches over sockets.
            _ => app.allow_net.push(net(&host)?),
        }
        Ok(())
    }

    /// `text` with `{{ name }}` replaced by the variable's value.
    fn expand(&self, text: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, behind) =
                behind.split_once("}}").with_context(|| format!("`{text}` lacks a `}}}}`"))?;
            let name = name.trim();
            out.push_str(before);
            out.push_str(&self.variable(name)?);
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// A variable, as Spin finds it: in the environment, or by its default.
    fn variable(&self, name: &str) -> Result<String> {
        let declared = self.file.variables.get(name);
        let declared = declared.with_context(|| format!("there is no variable `{name}` in [variables]"))?;
        let set = (self.environment)(&format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase()));
        set.or_else(|| declared.default.clone()).with_context(|| {
            format!("the variable `{name}` has no value: set SPIN_VARIABLE_{}", name.to_ascii_uppercase())
        })
    }

    fn files(&mut self, files: &Files, excluded: &[String], app: &mut App) -> Result<()> {
        match files {
            Files::Mount { source, destination } => {
                if !excluded.is_empty() {
                    self.unsupported.push("`exclude_files` does not hold for mounted directories".into());
                }
                if destination.is_empty() {
                    bail!("`files` mounts `{source}` nowhere: name its destination");
                }
                app.dirs.push(DirectoryGrant::to_read(self.folder.join(source), destination.clone()));
            }
            Files::Pattern(pattern) => {
                for name in matching(self.folder, pattern)? {
                    if excluded.iter().any(|excluded| matches(excluded, &name)) {
                        continue;
                    }
                    app.files.push(FileGrant { source: self.folder.join(&name), name });
                    if app.files.len() > FILES_MAX {
                        bail!("`files` names more than {FILES_MAX} files: mount their directory instead");
                    }
                }
            }
        }
        Ok(())
    }
}

/// A host with its ports as our rules have them: where they have `8000-8010` Spin has `8000..8011`, and it leaves out a port
/// that everybody knows.
fn with_ports(scheme: &str, host: &str) -> String {
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    let well_known = match scheme {
        "http" => 80,
        "https" => 443,
        "mqtt" => 1883,
        "mysql" => 3306,
        "postgres" => 5432,
        "redis" => 6379,
        _ => 0,
    };
    match port {
        None if well_known > 0 => format!("{host}:{well_known}"),
        None => host.into(),
        Some((name, ports)) => match ports.split_once("..").map(|(first, end)| (first, end.parse::<u16>())) {
            Some((first, Ok(end))) => format!("{name}:{first}-{}", end.saturating_sub(1)),
            _ => host.into(),
        },
    }
}

/// Adds the headers that Spin gives its components, and takes those out that a client made up.
pub fn add_headers(request: &mut Request, route: &str, rest: &str, peer: SocketAddr) {
    let made_up: Vec<String> = request
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .filter(|name| name.starts_with("spin-"))
        .collect();
    made_up.iter().for_each(|name| _ = request.headers.remove(name));
    let matched = route.strip_suffix("/...").unwrap_or(route);
    let path = request.path_with_query.as_deref().unwrap_or("/");
    let authority = request.authority.as_deref().unwrap_or_default();
    let full = format!("http://{authority}{path}");
    for (name, value) in [
        ("spin-path-info", rest),
        ("spin-full-url", &full),
        ("spin-matched-route", route),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", route),
        ("spin-component-route", matched),
        ("spin-client-addr", &peer.to_string()),
    ] {
        request.headers.append(name, value);
    }
    let path = path.split('?').next().unwrap_or(path);
    for (name, value) in route.split('/').zip(path.split('/')) {
        if let Some(name) = name.strip_prefix(':') {
            request.headers.append(format!("spin-path-match-{name}"), value);
        }
    }
}

/// Files of one component, and how many entries of the file system are looked at to find them.
const FILES_MAX: usize = 10_000;
const ENTRIES_MAX: usize = 100_000;

/// The files below `folder` that match, by their names from there.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<String>> {
    let inside = |part: PathPart<'_>| matches!(part, PathPart::Normal(_) | PathPart::CurDir);
    if !Path::new(pattern).components().all(inside) {
        bail!("`{pattern}` leads out of the manifest's directory");
    }
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    // What comes before the first `*` says where to look.
    let literal =
        pattern.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect::<Vec<_>>().join("/");
    if pattern.contains(['?', '[']) {
        bail!("`{pattern}`: only `*` and `**` are supported in `files`");
    }
    let mut found = Vec::new();
    let mut queue = vec![literal.clone()];
    let mut looked_at = 0;
    while let Some(name) = queue.pop() {
        let path = folder.join(&name);
        let kind = path.symlink_metadata().map(|metadata| metadata.file_type());
        match kind {
            Err(_) if name == literal => bail!("there is no `{name}` to grant by `files`"),
            Ok(kind) if kind.is_dir() => {
                for entry in path.read_dir().with_context(|| format!("cannot read `{name}`"))? {
                    looked_at += 1;
                    if looked_at > ENTRIES_MAX {
                        bail!("`{pattern}` is looked for among more than {ENTRIES_MAX} files");
                    }
                    if let Ok(entry) = entry?.file_name().into_string() {
                        queue.push(if name.is_empty() { entry } else { format!("{name}/{entry}") });
                    }
                }
            }
            // A directory that is named as it is, with all that is in it.
            Ok(kind) if kind.is_file() && (matches(pattern, &name) || pattern == literal) => found.push(name),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name matches a pattern: `*` stands for any part of one segment, `**` for any segments.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<_> = pattern.split('/').collect();
    let name: Vec<_> = name.split('/').collect();
    backtrack(
        &pattern,
        &name,
        |part| *part == "**",
        |part, segment| {
            backtrack(part.as_bytes(), segment.as_bytes(), |byte| *byte == b'*', |byte, other| byte == other)
        },
    )
}

/// Whether `name` matches `pattern`, some parts of which stand for any number. Takes at most as many steps as the
/// product of the two lengths.
fn backtrack<P, N>(
    pattern: &[P],
    name: &[N],
    any: impl Fn(&P) -> bool,
    one: impl Fn(&P, &N) -> bool,
) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut last_any = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(part) if any(part) => {
                last_any = Some((at, in_name));
                at += 1;
            }
            Some(part) if one(part, &name[in_name]) => {
                at += 1;
                in_name += 1;
            }
            _ => match &mut last_any {
                Some((any_at, from)) => {
                    *from += 1;
                    (at, in_name) = (*any_at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(any)
}

#[cfg(test)]
mod tests {
    use super::{super::manifest::nothing_given, *};

    const MANIFEST: &str = r#"
        spin_manifest_version = 2

        [application]
        name = "hello"
        version = "0.1.0"
        trigger = { http = { base = "/base" } }

        [variables]
        api = { default = "api.example.com" }
        secret = { required = true, secret = true }

        [[trigger.http]]
        route = "/hello/..."
        component = "hello"

        [[trigger.http]]
        route = "/hi"
        component = "hello"

        [[trigger.redis]]
        channel = "x"
        component = "hello"

        [component.hello]
        source = "target/hello.wasm"
        files = [{ source = "assets", destination = "/assets" }]
        allowed_outbound_hosts = ["https://{{ api }}", "redis://localhost:6379", "*://10.0.0.1:80", "http://self"]
        environment = { NAME = "Ada" }
        key_value_stores = ["default"]
        [component.hello.build]
        command = "cargo build"
    "#;

    fn read(text: &str) -> Result<Manifest> {
        parse(text, Path::new("/srv"), &nothing_given(), &|name| {
            (name == "SPIN_VARIABLE_B").then(|| "b".into())
        })
    }

    #[test]
    fn an_http_app_is_read_as_it_is() {
        assert!(is_spin(MANIFEST));
        let manifest = read(MANIFEST).unwrap();
        let [app] = &manifest.apps[..] else { panic!("{manifest:?}") };
        assert_eq!(app.program, Path::new("/srv/target/hello.wasm"));
        assert_eq!(app.routes.iter().map(Pattern::text).collect::<Vec<_>>(), ["/hello/...", "/hi"]);
        assert_eq!(app.dirs, [DirectoryGrant::parse("/srv/assets::/assets:ro").unwrap()]);
        assert_eq!(app.env, [Variable::parse("NAME=Ada").unwrap()]);
        assert_eq!(
            app.allow_http,
            ["https://api.example.com:443", "10.0.0.1:80"].map(|rule| rule.parse().unwrap())
        );
        assert_eq!(app.allow_net, ["localhost:6379", "10.0.0.1:80"].map(|rule| rule.parse().unwrap()));
        assert!(app.is_spin);
        let unsupported = manifest.unsupported.join("\n");
        for part in ["`redis`", "`key_value_stores`", "`http://self`", "`base`"] {
            assert!(unsupported.contains(part), "{unsupported}");
        }
    }

    #[test]
    fn a_component_in_a_trigger_is_no_other_one() {
        let text = r#"
            spin_manifest_version = 2
            [[trigger.http]]
            route = "/public"
            component = { source = "public.wasm" }
            [[trigger.http]]
            route = "/secret"
            component = "http-0"
            [[trigger.http]]
            route = "/more"
            component = "http-0"
            [component.http-0]
            source = "secret.wasm"
            environment = { SECRET = "s" }
        "#;
        let manifest = read(text).unwrap();
        let [public, secret] = &manifest.apps[..] else { panic!("{manifest:?}") };
        let of =
            |app: &App| (app.routes.iter().map(Pattern::text).collect::<Vec<_>>().join(" "), app.env.len());
        assert_eq!(
            (public.program.as_path(), of(public)),
            (Path::new("/srv/public.wasm"), ("/public".into(), 0))
        );
        assert_eq!(
            (secret.program.as_path(), of(secret)),
            (Path::new("/srv/secret.wasm"), ("/secret /more".into(), 1))
        );
        assert_ne!(public.name, secret.name);
    }

    #[test]
    fn allowed_hosts_are_read_in_all_of_their_grammar() {
        let base =
            "spin_manifest_version = 2\n[[trigger.http]]\nroute = '/'\ncomponent = { source = 'a.wasm', ";
        for (text, over_http, over_sockets) in [
            ("https://*.example.com", Some("https://*.example.com:443"), None),
            // A rule without a port of ours would be for all of them.
            ("https://*", Some("https://*:443"), None),
            ("http://10.0.0.0/8", Some("http://10.0.0.0/8:80"), None),
            ("http://example.com:8000..8011", Some("http://example.com:8000-8010"), None),
            ("*://127.0.0.1/24:63551", Some("127.0.0.1/24:63551"), Some("127.0.0.1/24:63551")),
            ("*://*:*", Some("*:*"), Some("*:*")),
            ("mysql://10.0.0.5", None, Some("10.0.0.5:3306")),
            ("postgres://localhost", None, Some("localhost:5432")),
            ("redis://[::1]", None, Some("[::1]:6379")),
            ("postgres://db.example.com:5433/", None, Some("db.example.com:5433")),
        ] {
            let manifest = read(&format!("{base}allowed_outbound_hosts = ['{text}'] }}")).unwrap();
            let app = &manifest.apps[0];
            let rules = over_http.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
            assert_eq!(app.allow_http, rules, "{text}");
            let rules = over_sockets.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
            assert_eq!(app.allow_net, rules, "{text}");
        }
        for text in ["ftp://example.com", "*://a:b..c", "http://a:9..8"] {
            assert!(read(&format!("{base}allowed_outbound_hosts = ['{text}'] }}")).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_component_cannot_do_without_is_an_error() {
        let base =
            "spin_manifest_version = 2\n[[trigger.http]]\nroute = '/'\ncomponent = 'a'\n[component.a]\n";
        for (component, part) in [
            ("source = { url = 'https://x', digest = 'sha256:0' }", "not a file"),
            ("source = 'a.wasm'\nallowed_outbound_hosts = ['https://{{ nope }}']", "no variable `nope`"),
            ("source = 'a.wasm'\nfiles = ['../x']", "leads out"),
            ("source = 'a.wasm'\nfiles = ['/etc/passwd']", "leads out"),
            ("source = 'a.wasm'\n[component.a.dependencies]\n'x:y' = '1'", "dependencies"),
        ] {
            let error = read(&format!("{base}{component}")).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{component}: {error:#}");
        }
        for (text, part) in [
            (
                "[[trigger.redis]]\nchannel = 'x'\ncomponent = 'a'",
                "no [[trigger.http]], and nothing else is served: triggers of the kind `redis`",
            ),
            ("", "no [[trigger.http]], and nothing else is served"),
            (
                "[[trigger.http]]\nroute = 'x'\ncomponent = { source = 'a.wasm' }",
                "component `http-0`: a route begins with `/`",
            ),
            ("[[trigger.http]]\nroute = 1\ncomponent = 'a'", "a route is a path, or { private = true }"),
            ("[[trigger.http]]\nroute = '/'\ncomponent = 1", "the name of one"),
        ] {
            let error = read(&format!("spin_manifest_version = 2\n{text}")).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{text}: {error:#}");
        }
        assert!(read("spin_manifest_version = 1").is_err());
        assert!(read("spin_manifest_version = 2\n[[trigger.http]]\nroute='/'\ncomponent='b'").is_err());
    }

    #[test]
    fn a_request_tells_what_its_route_matched_and_no_client_does() {
        let mut request = Request::new(wasmote::cap::http::Method::Get, "http://a/users/ada/posts?x=1");
        request.headers.append("Spin-Path-Match-User", "eve");
        add_headers(&mut request, "/users/:user/...", "/posts", SocketAddr::from(([127, 0, 0, 1], 9)));
        for (name, value) in [
            ("spin-path-match-user", "ada"),
            ("spin-path-info", "/posts"),
            ("spin-component-route", "/users/:user"),
            ("spin-full-url", "http://a/users/ada/posts?x=1"),
        ] {
            assert_eq!(request.headers.get(name).collect::<Vec<_>>(), [value.as_bytes()], "{name}");
        }
    }

    #[test]
    fn variables_come_from_the_environment_first() {
        let text = "spin_manifest_version = 2\n[variables]\nb = { default = 'd' }\n[[trigger.http]]\nroute = '/'\n\
            component = { source = 'a.wasm', allowed_outbound_hosts = ['http://{{b}}.x'] }";
        assert_eq!(read(text).unwrap().apps[0].allow_http, ["http://b.x:80".parse().unwrap()]);
    }

    #[test]
    fn files_match_by_segment() {
        for (pattern, name, expected) in [
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("**/*.txt", "x.txt", true),
            ("**/*.txt", "a/b/x.txt", true),
            ("**/*.txt", "a/b/x.md", false),
            ("*.t*t", "x.ttt", true),
            ("a", "a", true),
            ("a", "b", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        let many = "a*".repeat(50) + "c";
        assert!(!matches(&many, &format!("{}b", "a".repeat(5_000))));
    }
}
