//! Flags that are of no use to what is run: said, because who gave them thinks otherwise.

use crate::{
    network,
    run::{Arguments, Code},
    settings::Resolved,
};
use wasmote::{
    Linked,
    component::{Component, types::ComponentItem},
};

/// What `arguments` and `settings` have that `code`, from `file`, makes no use of; a sentence each.
pub fn of(arguments: &Arguments, settings: &Resolved, code: &Code, file: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    match code {
        Code::Module(_) => {
            let flags = of_components(arguments, settings).join(", ");
            if !flags.is_empty() {
                sentences
                    .push(format!("{file} is a core module, and only components have a use for {flags}"));
            }
        }
        Code::Component { linked, .. } => {
            if !settings.tcp_listen.is_empty() {
                sentences.push(format!(
                    "{file} is a component, and only modules of WASI 0.1 have a use for `-S tcplisten`: a component opens its own \
                     sockets, where `--allow-listen` lets it"
                ));
            }
            sentences.extend(unused_plugins(linked));
            if !arguments.http_root.is_empty() && arguments.allow_http.is_empty() {
                sentences.push(network::ROOT_FOR_NOBODY.into());
            }
        }
    }
    sentences
}

/// The flags that only components have a use for.
fn of_components(arguments: &Arguments, settings: &Resolved) -> Vec<&'static str> {
    let flags = [
        ("`--allow-http`", !arguments.allow_http.is_empty()),
        ("`--allow-net`", !arguments.allow_net.is_empty()),
        ("`--allow-listen`", !arguments.allow_listen.is_empty()),
        ("`--http-root`", !arguments.http_root.is_empty()),
        ("`--features`", !arguments.features.is_empty()),
        ("`-S inherit-network`", settings.network.inherit),
        ("`-S allow-ip-name-lookup`", settings.network.names),
    ];
    flags.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
}

/// Of each plugin that exports nothing that another component imports, that it does.
fn unused_plugins(linked: &Linked) -> Vec<String> {
    let plugins: Vec<_> = linked.plugins().collect();
    let is_used = |at: usize| {
        let others =
            plugins.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, (_, other))| *other);
        let imported: Vec<_> = others.chain([linked.component()]).flat_map(imports).collect();
        exports(plugins[at].1).iter().any(|name| imported.contains(name))
    };
    let unused = plugins.iter().enumerate().filter(|(at, _)| !is_used(*at));
    unused.map(|(_, (name, _))| format!("`--link {name}` links what nothing imports from")).collect()
}

/// What a component imports, without versions: which of them fit is for who links them.
fn imports(component: &Component) -> Vec<String> {
    component.component_type().imports().filter_map(|(name, item)| named(name, &item)).collect()
}

fn exports(component: &Component) -> Vec<String> {
    component.component_type().exports().filter_map(|(name, item)| named(name, &item)).collect()
}

fn named(name: &str, item: &ComponentItem) -> Option<String> {
    let is_type = matches!(item, ComponentItem::Type(_) | ComponentItem::Other);
    (!is_type).then(|| name.split_once('@').map_or(name, |(name, _)| name).into())
}
