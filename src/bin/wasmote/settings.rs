//! The settings behind `-W` and `-S`: `key=value`, separated by commas, spelled as wasmtime spells them.
//!
//! Every field of [`Limits`] has a key, so that whatever limit a program meets can be raised; the
//! table says which, and messages and help read it.

use crate::{
    COULD_NOT,
    features::Switch,
    say::{self, Misuse},
    units,
};
use clap::ValueEnum;
use std::{fmt::Write as _, net::SocketAddr, time::Duration};
#[cfg(test)]
use wasmote::HttpLimits;
use wasmote::{Limits, component::Features, engine::Metering};

/// A set of limits to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// What a microcontroller with some hundred KiB of memory can give
    Mcu,
    /// What a server can give each of many programs
    #[default]
    Server,
}

impl Profile {
    pub fn limits(self) -> Limits {
        match self {
            Self::Mcu => Limits::mcu(),
            Self::Server => Limits::server(),
        }
    }
}

/// What one key sets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Setting {
    Limit(&'static LimitKey, u64),
    Fuel(u64),
    Timeout(Duration),
    Metering(Metering),
    InheritEnv(bool),
    Clocks(Source),
    Random(Randomness),
    TcpListen(SocketAddr),
    InheritNetwork(bool),
    Names(bool),
    Tcp(bool),
    Udp(bool),
    Sockets(u32),
    Terminal(Terminal),
    /// A proposal of the Component Model.
    Feature(Switch),
    /// What wasmtime has to be told, and is so here anyway.
    Nothing,
}

/// The settings of one `-W` or `-S`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

/// All settings together. A key given twice counts as given last.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub limits: Limits,
    pub fuel: Option<u64>,
    pub timeout: Option<Duration>,
    pub metering: Metering,
    pub features: Features,
    pub inherit_env: bool,
    pub clocks: Source,
    pub random: Randomness,
    pub tcp_listen: Vec<SocketAddr>,
    pub network: Network,
    /// What was said of it, if anything was.
    pub terminal: Option<Terminal>,
}

/// What a program may do on the network, besides what single rules allow.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    pub inherit: bool,
    pub names: bool,
    pub tcp: bool,
    pub udp: bool,
    pub sockets_max: Option<u32>,
}

/// Whose clocks a program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Host,
    Virtual,
}

/// Where random bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    Host,
    Seed(u64),
}

/// What becomes of control characters on the way to a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// Colours pass, the rest is made visible.
    #[default]
    Filtered,
    Raw,
}

impl Settings {
    /// Checks what holds between settings.
    fn check(resolved: &Resolved) -> Result<(), Misuse> {
        let bounded = resolved.fuel.is_some() || resolved.timeout.is_some();
        if resolved.metering == Metering::Off && bounded {
            return Err(Misuse(
                "`-W metering=n` leaves nothing that `fuel` or `timeout` could count: drop one of them"
                    .into(),
            ));
        }
        Ok(())
    }

    /// All `settings`, upon the limits of `profile`.
    pub fn resolve<'a>(
        settings: impl IntoIterator<Item = &'a Self>,
        profile: Profile,
    ) -> Result<Resolved, Misuse> {
        let mut resolved = Resolved {
            limits: profile.limits(),
            fuel: None,
            timeout: None,
            metering: Metering::On,
            features: Features::default(),
            inherit_env: false,
            clocks: Source::Host,
            random: Randomness::Host,
            tcp_listen: Vec::new(),
            network: Network { inherit: false, names: false, tcp: true, udp: true, sockets_max: None },
            terminal: None,
        };
        for setting in settings.into_iter().flat_map(|settings| &settings.0) {
            match setting {
                Setting::Limit(key, value) => key.set(&mut resolved.limits, *value),
                Setting::Fuel(fuel) => resolved.fuel = Some(*fuel),
                Setting::Timeout(timeout) => resolved.timeout = Some(*timeout),
                Setting::Metering(metering) => resolved.metering = *metering,
                Setting::InheritEnv(inherit) => resolved.inherit_env = *inherit,
                Setting::Clocks(source) => resolved.clocks = *source,
                Setting::Random(source) => resolved.random = *source,
                Setting::TcpListen(address) => resolved.tcp_listen.push(*address),
                Setting::InheritNetwork(on) => resolved.network.inherit = *on,
                Setting::Names(on) => resolved.network.names = *on,
                Setting::Tcp(on) => resolved.network.tcp = *on,
                Setting::Udp(on) => resolved.network.udp = *on,
                Setting::Sockets(sockets) => resolved.network.sockets_max = Some(*sockets),
                Setting::Terminal(terminal) => resolved.terminal = Some(*terminal),
                Setting::Feature(switch) => switch.apply(&mut resolved.features),
                Setting::Nothing => {}
            }
        }
        Self::check(&resolved)?;
        Ok(resolved)
    }
}

/// Which flag a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `-W`: what bounds the code.
    Wasm,
    /// `-S`: what the system gives.
    System,
}

impl Group {
    fn flag(self) -> &'static str {
        match self {
            Self::Wasm => "-W",
            Self::System => "-S",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Wasm => Self::System,
            Self::System => Self::Wasm,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Count,
}

/// A field of [`Limits`] as a setting.
#[derive(Debug)]
struct LimitKey {
    group: Group,
    key: &'static str,
    /// The field, as errors of the library name it.
    field: &'static str,
    unit: Unit,
    help: &'static str,
    place: fn(&mut Limits) -> Place<'_>,
}

/// Limits on what takes native stack: without a bound of its own, raising them could end this process.
const NATIVE_STACK: [(&str, u64); 5] = [
    ("reentry_depth", 256),
    ("component_depth", 256),
    ("type_depth", 256),
    // A slice leaves up to three bytes of stack for each unit of its fuel, and threads have 2 MiB.
    ("slice_fuel", 250_000),
    // The interpreter recurses as deep.
    ("constant_operators", 1_000),
];

impl PartialEq for LimitKey {
    fn eq(&self, other: &Self) -> bool {
        (self.group, self.key) == (other.group, other.key)
    }
}

impl Eq for LimitKey {}

enum Place<'a> {
    U32(&'a mut u32),
    U64(&'a mut u64),
}

impl LimitKey {
    fn set(&self, limits: &mut Limits, value: u64) {
        match (self.place)(limits) {
            // Parsing has checked the range.
            Place::U32(field) => *field = u32::try_from(value).unwrap_or(u32::MAX),
            Place::U64(field) => *field = value,
        }
    }

    fn get(&self, mut limits: Limits) -> u64 {
        match (self.place)(&mut limits) {
            Place::U32(field) => u64::from(*field),
            Place::U64(field) => *field,
        }
    }

    fn parse(&'static self, text: &str) -> Result<Setting, String> {
        let value = match self.unit {
            Unit::Bytes => units::bytes(text)?,
            Unit::Count => units::count(text)?,
        };
        let bound = NATIVE_STACK.iter().find(|(field, _)| *field == self.field);
        let max = match (bound, (self.place)(&mut Limits::server())) {
            (Some((_, max)), _) => *max,
            (None, Place::U32(_)) => u64::from(u32::MAX),
            (None, Place::U64(_)) => u64::MAX,
        };
        if value > max {
            return Err(format!("`{text}` is too large: at most {max}"));
        }
        Ok(Setting::Limit(self, value))
    }

    fn show(&self, limits: Limits) -> String {
        match self.unit {
            Unit::Bytes => units::show_bytes(self.get(limits)),
            Unit::Count => self.get(limits).to_string(),
        }
    }
}

macro_rules! limit_keys {
    (
        $($group:ident $key:literal $field:ident $width:ident $unit:ident $help:literal;)*
        ; $($http_key:literal $http_field:ident $http_unit:ident $http_help:literal;)*
    ) => {
        const LIMIT_KEYS: &[LimitKey] = &[$(LimitKey {
            group: Group::$group,
            key: $key,
            field: stringify!($field),
            unit: Unit::$unit,
            help: $help,
            place: |limits| Place::$width(&mut limits.$field),
        },)* $(LimitKey {
            group: Group::System,
            key: $http_key,
            field: concat!("http.", stringify!($http_field)),
            unit: Unit::$http_unit,
            help: $http_help,
            place: |limits| Place::U32(&mut limits.http.$http_field),
        },)*];

        /// Fails to compile when `Limits` has a field without a key.
        #[cfg(test)]
        fn every_field_has_a_key(limits: Limits) {
            let Limits { $($field: _,)* http: HttpLimits { $($http_field: _),* } } = limits;
        }
    };
}

limit_keys! {
    Wasm "max-memory-size" memory_bytes U64 Bytes "all linear memories together";
    Wasm "max-memories" memories U32 Count "linear memories";
    Wasm "max-table-elements" table_elements U64 Count "elements of all tables together";
    Wasm "max-tables" tables U32 Count "tables";
    Wasm "max-wasm-stack" stack_bytes U32 Bytes "the stack of values";
    Wasm "max-call-depth" call_depth U32 Count "calls within calls";
    Wasm "max-reentry-depth" reentry_depth U32 Count "calls from program to host to program";
    Wasm "max-module-size" module_bytes U32 Bytes "the file, as binary";
    Wasm "max-load-memory" load_bytes U64 Bytes "host memory to load it, by estimate";
    Wasm "max-instances" instances U32 Count "core instances";
    Wasm "max-instance-memory" instance_bytes U64 Bytes "host memory of its instances, by estimate";
    Wasm "max-types" types U32 Count "function types";
    Wasm "max-functions" functions U32 Count "functions";
    Wasm "max-globals" globals U32 Count "globals";
    Wasm "max-segments" segments U32 Count "data and element segments";
    Wasm "max-imports-exports" imports_exports U32 Count "imports and exports together";
    Wasm "max-locals" frame_locals U32 Count "locals of one function";
    Wasm "max-params-results" function_values U32 Count "parameters or results of one function";
    Wasm "slice-fuel" slice_fuel U64 Count "fuel between two looks at the clock; takes native stack";
    Wasm "max-uninterrupted-fuel" uninterrupted_fuel U64 Count "fuel of all that cannot be interrupted (`realloc`, `post-return`, starting) in one go";
    Wasm "max-modules" modules U32 Count "core modules in a component";
    Wasm "max-components" components U32 Count "components in a component";
    Wasm "max-component-depth" component_depth U32 Count "components within components";
    Wasm "max-component-instances" component_instances U32 Count "instances of components";
    Wasm "max-definitions" definitions U32 Count "definitions of a component";
    Wasm "max-type-depth" type_depth U32 Count "types within types";
    Wasm "max-tasks" tasks U32 Count "tasks, threads or calls under way";
    System "max-handles" handles U32 Count "handles of components, of every kind";
    System "max-descriptors" descriptors U32 Count "open files, directories, streams and sockets";
    System "max-host-call-bytes" host_call_bytes U32 Bytes "moved by one call of the system";
    System "max-poll-subscriptions" poll_subscriptions U32 Count "of one poll";
    Wasm "max-constant-operators" constant_operators U32 Count "operators of one constant expression";
    System "max-path-bytes" path_bytes U32 Bytes "of one path";
    System "max-path-depth" path_depth U32 Count "directories on the way along one path";
    System "max-random-size" random_bytes U32 Bytes "of one call for random bytes, of components";

    ;
    "max-http-fields" fields Count "fields of one HTTP header or trailer section";
    "max-http-fields-size" fields_bytes Bytes "of one HTTP header or trailer section";
    "max-http-target-size" target_bytes Bytes "of an HTTP method, authority, or path with query";
    "max-http-requests" requests Count "outgoing HTTP requests under way";
    "max-http-memory" bytes Bytes "HTTP fields, and bodies that wait to be sent";
}

/// How wasmtime calls some of these limits.
const OTHER_NAMES: [(&str, &str); 2] =
    [("max-resources", "max-handles"), ("hostcall-fuel", "max-host-call-bytes")];

/// What wasmtime has to be told to turn on, and is always here.
const ALWAYS_ON: [(Group, &str); 8] = [
    (Group::System, "cli"),
    (Group::System, "cli-exit-with-code"),
    (Group::System, "common"),
    (Group::System, "preview2"),
    (Group::System, "p3"),
    (Group::System, "http"),
    (Group::System, "network-error-code"),
    (Group::Wasm, "component-model"),
];

/// A setting that is no limit.
struct OtherKey {
    group: Group,
    key: &'static str,
    value: &'static str,
    help: &'static str,
    /// What the key means without a value, if it may stand so.
    alone: Option<&'static str>,
    parse: fn(&str) -> Result<Setting, String>,
}

const OTHER_KEYS: &[OtherKey] = &[
    OtherKey {
        group: Group::Wasm,
        key: "fuel",
        value: "N",
        help: "steps it may take in all; about one for each instruction",
        alone: None,
        parse: |text| units::count(text).map(Setting::Fuel),
    },
    OtherKey {
        group: Group::Wasm,
        key: "timeout",
        value: "TIME",
        help: "time it may take in all, waiting included: 500ms, 2s, 1m",
        alone: None,
        parse: timeout,
    },
    OtherKey {
        group: Group::Wasm,
        key: "metering",
        value: "y|n",
        help: "n: count no fuel, for a little more speed; nothing then stops it",
        alone: Some("y"),
        parse: |text| yes(text).map(|on| Setting::Metering(if on { Metering::On } else { Metering::Off })),
    },
    OtherKey {
        group: Group::System,
        key: "inherit-env",
        value: "y|n",
        help: "give it the whole environment (what is UTF-8 of it)",
        alone: Some("y"),
        parse: |text| yes(text).map(Setting::InheritEnv),
    },
    OtherKey {
        group: Group::System,
        key: "clocks",
        value: "host|virtual",
        help: "virtual: begins at 0, and waiting takes no time",
        alone: None,
        parse: |text| match text {
            "host" => Ok(Setting::Clocks(Source::Host)),
            "virtual" => Ok(Setting::Clocks(Source::Virtual)),
            _ => Err(format!("there are no clocks `{text}`: write host or virtual")),
        },
    },
    OtherKey {
        group: Group::System,
        key: "random",
        value: "host|seed:N",
        help: "seed:N: the same numbers in every run, no secrets",
        alone: None,
        parse: random,
    },
    OtherKey {
        group: Group::System,
        key: "tcplisten",
        value: "ADDR:PORT",
        help: "a socket to accept connections on; repeatable",
        alone: None,
        parse: |text| {
            let address = text.parse();
            let address =
                address.map_err(|_| format!("`{text}` is no address: write 127.0.0.1:8080 or [::1]:8080"));
            address.map(Setting::TcpListen)
        },
    },
    OtherKey {
        group: Group::System,
        key: "inherit-network",
        value: "y|n",
        help: "the whole network, in and out; names apart",
        alone: Some("y"),
        parse: |text| yes(text).map(Setting::InheritNetwork),
    },
    OtherKey {
        group: Group::System,
        key: "allow-ip-name-lookup",
        value: "y|n",
        help: "look up any name; --allow-net with a name allows that one",
        alone: Some("y"),
        parse: |text| yes(text).map(Setting::Names),
    },
    OtherKey {
        group: Group::System,
        key: "tcp",
        value: "y|n",
        help: "n: no TCP sockets, whatever else is granted",
        alone: Some("y"),
        parse: |text| yes(text).map(Setting::Tcp),
    },
    OtherKey {
        group: Group::System,
        key: "udp",
        value: "y|n",
        help: "n: no UDP sockets, whatever else is granted",
        alone: Some("y"),
        parse: |text| yes(text).map(Setting::Udp),
    },
    OtherKey {
        group: Group::System,
        key: "max-sockets",
        value: "N",
        help: "sockets open at once: 256 unless told otherwise",
        alone: None,
        parse: |text| {
            let sockets = units::count(text)?;
            u32::try_from(sockets).map(Setting::Sockets).map_err(|_| format!("`{text}` is too large"))
        },
    },
    OtherKey {
        group: Group::System,
        key: "terminal",
        value: "filtered|raw",
        help: "filtered: only colours and text reach a terminal",
        alone: None,
        parse: |text| match text {
            "filtered" => Ok(Setting::Terminal(Terminal::Filtered)),
            "raw" => Ok(Setting::Terminal(Terminal::Raw)),
            _ => Err(format!("`{text}` is neither filtered nor raw")),
        },
    },
];

fn timeout(text: &str) -> Result<Setting, String> {
    units::some_time(text).map(Setting::Timeout)
}

fn random(text: &str) -> Result<Setting, String> {
    let seed = match text {
        "host" => return Ok(Setting::Random(Randomness::Host)),
        _ => text.strip_prefix("seed:"),
    };
    let seed = seed.ok_or_else(|| format!("there is no randomness `{text}`: write host or seed:1"))?;
    units::count(seed).map(|seed| Setting::Random(Randomness::Seed(seed)))
}

fn yes(text: &str) -> Result<bool, String> {
    match text {
        "y" | "yes" | "true" => Ok(true),
        "n" | "no" | "false" => Ok(false),
        _ => Err(format!("`{text}` is neither y nor n")),
    }
}

/// Reads the value of a `-W`. `help` answers itself, as wasmtime does it.
pub fn wasm(text: &str) -> Result<Settings, String> {
    parse(Group::Wasm, text)
}

/// Reads the value of a `-W` where there is nothing to bound but the time and the fuel of a call; and proposals.
pub fn bounds(text: &str) -> Result<Settings, String> {
    const KEYS: &str = "here are `fuel=N` and `timeout=TIME`";
    if text == "help" {
        return Err(KEYS.into());
    }
    let settings = wasm(text)?;
    let fits =
        |setting: &Setting| matches!(setting, Setting::Fuel(_) | Setting::Timeout(_) | Setting::Feature(_));
    if settings.0.iter().all(fits) { Ok(settings) } else { Err(KEYS.into()) }
}

/// Reads the value of a `-W` where nothing is run, so that only limits and proposals mean anything.
pub fn limits(text: &str) -> Result<Settings, String> {
    let settings = parse(Group::Wasm, text)?;
    let names = text.split(',').map(|item| item.split('=').next().unwrap_or(item));
    let fits = |setting: &Setting| matches!(setting, Setting::Limit(..) | Setting::Feature(_));
    match settings.0.iter().zip(names).find(|(setting, _)| !fits(setting)) {
        Some((_, name)) => Err(format!("`{name}` is for what is run, and nothing is here: drop it")),
        None => Ok(settings),
    }
}

/// Reads the value of a `-S`.
pub fn system(text: &str) -> Result<Settings, String> {
    parse(Group::System, text)
}

fn parse(group: Group, text: &str) -> Result<Settings, String> {
    if text == "help" {
        print_help(group);
    }
    text.split(',').map(|item| parse_one(group, item)).collect::<Result<_, _>>().map(Settings)
}

fn parse_one(group: Group, item: &str) -> Result<Setting, String> {
    let (key, value) = match item.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (item, None),
    };
    let of_key = |error| format!("{key}: {error}");
    let need = |what| format!("`{key}` needs a value: {key}={what}");
    let name = OTHER_NAMES.iter().find(|(other, _)| *other == key).map_or(key, |(_, name)| name);
    if let Some(limit) = LIMIT_KEYS.iter().find(|limit| limit.group == group && limit.key == name) {
        return limit.parse(value.ok_or_else(|| need("N"))?).map_err(of_key);
    }
    if let Some(other) = OTHER_KEYS.iter().find(|other| other.group == group && other.key == key) {
        let value = value.or(other.alone).ok_or_else(|| need(other.value))?;
        return (other.parse)(value).map_err(of_key);
    }
    if let (Group::Wasm, Some(switch)) = (group, Switch::find(key)) {
        return yes(value.unwrap_or("y")).map(|on| Setting::Feature(switch.turned(on))).map_err(of_key);
    }
    if ALWAYS_ON.contains(&(group, key)) {
        return match yes(value.unwrap_or("y")).map_err(of_key)? {
            true => Ok(Setting::Nothing),
            false => {
                Err(format!("{key}: it cannot be turned off: nothing of it is reached but what is granted"))
            }
        };
    }
    let other = group.other();
    let is_others = LIMIT_KEYS.iter().any(|limit| limit.group == other && limit.key == name)
        || OTHER_KEYS.iter().any(|setting| setting.group == other && setting.key == key);
    if is_others {
        return Err(format!("`{key}` is a setting of {flag}: write `{flag} {item}`", flag = other.flag()));
    }
    Err(format!("there is no setting `{key}`: `{} help` lists them", group.flag()))
}

/// The flag that raises the limit of this field: `-W max-memory-size=…`.
pub fn raise(field: &str) -> String {
    match LIMIT_KEYS.iter().find(|limit| limit.field == field) {
        Some(limit) => format!("{} {}=…", limit.group.flag(), limit.key),
        None => "--limits server".into(),
    }
}

/// What the limit of this field bounds.
pub fn what(field: &str) -> &str {
    LIMIT_KEYS.iter().find(|limit| limit.field == field).map_or(field, |limit| limit.help)
}

/// How a number of this field's unit reads.
pub fn show(field: &str, value: u64) -> String {
    match LIMIT_KEYS.iter().find(|limit| limit.field == field) {
        Some(LimitKey { unit: Unit::Bytes, .. }) => units::show_bytes(value),
        _ => value.to_string(),
    }
}

fn print_help(group: Group) -> ! {
    let printed = say::print(&help(group), "the settings");
    std::process::exit(match printed {
        Ok(_) => 0,
        Err(error) => {
            say::error(&format!("{error:#}"));
            COULD_NOT
        }
    })
}

fn help(group: Group) -> String {
    let flag = group.flag();
    let mut out = format!("Settings of {flag}. Several go together: {flag} key=value,key=value\n\n");
    for other in OTHER_KEYS.iter().filter(|other| other.group == group) {
        _ = writeln!(out, "  {:32} {}", format!("{}={}", other.key, other.value), other.help);
    }
    _ = writeln!(out, "\nLimits, with what `--limits server` and `--limits mcu` allow:\n");
    for limit in LIMIT_KEYS.iter().filter(|limit| limit.group == group) {
        let value = if limit.unit == Unit::Bytes { "BYTES" } else { "N" };
        _ = writeln!(
            out,
            "  {:32} {:>8} {:>8}  {}",
            format!("{}={value}", limit.key),
            limit.show(Limits::server()),
            limit.show(Limits::mcu()),
            limit.help,
        );
        for (other, _) in OTHER_NAMES.iter().filter(|(_, name)| *name == limit.key) {
            _ = writeln!(
                out,
                "  {:32} {:>17}  the same, as wasmtime calls it",
                format!("{other}={value}"),
                ""
            );
        }
    }
    if group == Group::Wasm {
        out.push_str("\nBYTES may end in k, M or G.\n");
        out.push_str(
            "\nProposals of the Component Model, as wasmtime calls them; `--features` turns them on too:\n\n",
        );
        let mut shipped = Features::default();
        for (name, switch) in Switch::all() {
            let on = if switch.is_on(&mut shipped) { "on unless turned off" } else { "" };
            _ = writeln!(out, "  {:40} {on}", format!("{name}[=y|n]"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Resolved {
        Settings::resolve([&wasm(text).unwrap()], Profile::Server).unwrap()
    }

    #[test]
    fn keys_set_the_limits_they_name_and_the_last_counts() {
        every_field_has_a_key(Limits::server());
        for key in LIMIT_KEYS {
            let setting = parse_one(key.group, &format!("{}=7", key.key)).unwrap();
            let limits = Settings::resolve([&Settings(vec![setting])], Profile::Server).unwrap().limits;
            assert_eq!(key.get(limits), 7, "{}", key.key);
            assert_ne!(limits, Limits::server(), "{}", key.key);
        }
        let both = resolved("fuel=1,max-memory-size=64k,fuel=2,timeout=10ms");
        assert_eq!(both.fuel, Some(2));
        assert_eq!(both.limits.memory_bytes, 65_536);
        assert_eq!(both.timeout, Some(Duration::from_millis(10)));
    }

    #[test]
    fn values_out_of_range_name_the_key() {
        for (text, part) in [
            ("max-tables=4294967296", "max-tables: `4294967296` is too large"),
            ("max-reentry-depth=257", "at most 256"),
            ("slice-fuel=250001", "at most 250000"),
            ("max-constant-operators=1001", "at most 1000"),
            ("fuel=-1", "fuel: `-1` is no whole number"),
            ("fuel", "`fuel` needs a value"),
            ("timeout=0s", "timeout: "),
            ("fule=1", "there is no setting `fule`: `-W help`"),
            ("", "there is no setting ``"),
            ("inherit-env", "`inherit-env` is a setting of -S: write `-S inherit-env`"),
            ("hostcall-fuel=1", "`hostcall-fuel` is a setting of -S: write `-S hostcall-fuel=1`"),
        ] {
            let error = wasm(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn systems_settings_read_as_documented() {
        let all = "inherit-env,clocks=virtual,random=seed:7,tcplisten=[::1]:0,max-handles=9,terminal=raw";
        let resolved = Settings::resolve([&system(all).unwrap()], Profile::Mcu).unwrap();
        assert!(resolved.inherit_env);
        assert_eq!(resolved.clocks, Source::Virtual);
        assert_eq!(resolved.random, Randomness::Seed(7));
        assert_eq!(resolved.tcp_listen.len(), 1);
        assert_eq!(resolved.limits, Limits { handles: 9, ..Limits::mcu() });
        assert_eq!(resolved.terminal, Some(Terminal::Raw));
    }

    #[test]
    fn the_bounds_that_wasmtime_has_are_called_as_there() {
        let of = |text: &str| Settings::resolve([&system(text).unwrap()], Profile::Server).unwrap().limits;
        let server = Limits::server();
        assert_eq!(of("max-resources=9"), Limits { handles: 9, ..server });
        assert_eq!(of("hostcall-fuel=64k"), Limits { host_call_bytes: 64 << 10, ..server });
        assert_eq!(of("max-random-size=32"), Limits { random_bytes: 32, ..server });
        let http = HttpLimits { fields_bytes: 1 << 10, ..server.http };
        assert_eq!(of("max-http-fields-size=1k"), Limits { http, ..server });
        for (other, name) in OTHER_NAMES {
            assert!(help(Group::System).contains(other));
            assert!(LIMIT_KEYS.iter().any(|key| key.group == Group::System && key.key == name));
        }
        assert!(wasm("max-resources=9").is_err());
        assert!(system("hostcall-fuel=5G").unwrap_err().starts_with("hostcall-fuel: "));
    }

    #[test]
    fn what_wasmtime_turns_on_is_on() {
        let settings = system("cli,http=y,p3,inherit-env").unwrap();
        let resolved =
            Settings::resolve([&settings, &wasm("component-model-async=y").unwrap()], Profile::Server);
        assert!(resolved.unwrap().inherit_env);
        assert!(system("http=n").unwrap_err().starts_with("http: it cannot be turned off"));
        assert!(system("nn").unwrap_err().starts_with("there is no setting `nn`"));
        assert_eq!(system("fuel=1").unwrap_err(), "`fuel` is a setting of -W: write `-W fuel=1`");
    }

    #[test]
    fn proposals_are_called_as_wasmtime_calls_them() {
        assert_eq!(resolved("fuel=1").features, Features::default());
        let all: Vec<_> = Switch::all().map(|(name, _)| name).collect();
        assert_eq!(resolved(&all.join(",")).features, Features::all());
        assert_eq!(
            resolved("component-model-async-builtins").features,
            resolved("component-model-more-async-builtins=y").features
        );
        for name in all {
            assert_ne!(
                resolved(&format!("{name}=n")).features,
                resolved(&format!("{name}=y")).features,
                "{name}"
            );
            assert!(help(Group::Wasm).contains(&name));
        }
        assert!(!resolved("component-model-async=n").features.concurrency);
        assert!(limits("component-model-threading").is_ok());
        assert!(system("component-model-threading").is_err());
        assert!(wasm("component-model-gc").unwrap_err().starts_with("there is no setting"));
    }

    #[test]
    fn where_nothing_runs_only_limits_mean_anything() {
        assert!(limits("max-tables=1,max-memory-size=1M").is_ok());
        for text in ["fuel=1", "max-tables=1,timeout=1s", "metering=n"] {
            assert!(limits(text).unwrap_err().contains("is for what is run"), "{text}");
        }
        assert!(limits("fule=1").is_err());
    }

    #[test]
    fn what_is_not_counted_cannot_be_bounded() {
        for text in ["metering=n,fuel=1", "timeout=1s,metering=n"] {
            assert!(Settings::resolve([&wasm(text).unwrap()], Profile::Server).is_err());
        }
        assert_eq!(resolved("metering=n").metering, Metering::Off);
    }

    #[test]
    fn help_lists_every_key_of_its_flag() {
        for key in LIMIT_KEYS {
            assert!(help(key.group).contains(key.key));
        }
        for key in OTHER_KEYS {
            assert!(help(key.group).contains(key.key));
        }
    }
}
