//! Loading apps, and loading them anew when their files change. One that does not load leaves the one before in place.

use crate::serve::{
    app::{self, Common},
    manifest::{App, Manifest},
    metrics::Metrics,
    server::{Served, Server, Table},
    turns::Turns,
};
use anyhow::{Context as _, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// Which file it was: enough to tell that another is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok()?, bytes: metadata.len() })
}

/// An app as it was loaded.
#[derive(Clone)]
struct Loaded {
    app: App,
    stamp: Option<Stamp>,
    served: Arc<Served>,
}

/// Knows what was loaded from where.
pub struct Watcher {
    common: Common,
    metrics: Arc<Metrics>,
    /// How many requests of all apps are answered at once.
    requests: usize,
    loaded: Vec<Loaded>,
    /// The programs of apps that are not there yet, as they were when they did not load.
    failed: Vec<(PathBuf, Option<Stamp>)>,
}

impl Watcher {
    pub fn new(common: Common, metrics: Arc<Metrics>, requests: usize) -> Self {
        Self { common, metrics, requests, loaded: Vec::new(), failed: Vec::new() }
    }

    /// The turns of `app`, one of so many: those that it had, if they are as many, or requests that began before it was
    /// loaded anew would not count.
    fn turns(&self, app: &App, apps: usize, known: Option<&Loaded>) -> Arc<Turns> {
        let count = app.max_concurrent.unwrap_or_else(|| Turns::share(self.requests, apps == 1));
        let known = known.map(|known| &known.served.turns).filter(|turns| turns.count() == count);
        known.cloned().unwrap_or_else(|| Arc::new(Turns::new(count)))
    }

    /// Loads all apps for the first time.
    ///
    /// # Errors
    ///
    /// When one does not load.
    pub fn load(&mut self, manifest: &Manifest) -> Result<Table> {
        for app in &manifest.apps {
            // Asked before it is read: what changes meanwhile is then loaded again.
            let stamp = stamp(&app.program);
            let turns = self.turns(app, manifest.apps.len(), None);
            let served = app::load(app, &self.common, self.metrics.app(&app.name), turns);
            let served = served.with_context(|| not_served(app))?;
            self.loaded.push(Loaded { app: app.clone(), stamp, served: Arc::new(served) });
        }
        table(&self.loaded)
    }

    /// The programs as they were when they were looked at last.
    fn is_same(&self) -> bool {
        let mut loaded = self.loaded.iter().map(|loaded| (&loaded.app.program, loaded.stamp));
        let mut failed = self.failed.iter().map(|(program, stamp)| (program, *stamp));
        let is_same = |(program, before): (&PathBuf, _)| stamp(program) == before;
        loaded.all(is_same) && failed.all(is_same)
    }

    /// Looks at the files over and over.
    ///
    /// `before` is what the manifest was before it was read: what changed since has not been seen.
    pub async fn watch(
        mut self,
        file: PathBuf,
        before: Option<Stamp>,
        mut read: impl Fn() -> Result<Manifest> + Send + 'static,
        server: Arc<Server>,
    ) {
        // The manifest as it was looked at last, and as it was when all of it was loaded.
        let (mut seen, mut applied) = (before, before);
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = stamp(&file);
            if now == seen && self.is_same() {
                continue;
            }
            // Whoever writes a file may not be done: it has to stay as it is for a while.
            tokio::time::sleep(INTERVAL).await;
            if stamp(&file) != now {
                continue;
            }
            let all = now != applied;
            seen = now;
            // Loading takes the processor for a while, which is not for a thread that serves.
            let loading = tokio::task::spawn_blocking(move || {
                let again = self.again(&read, all);
                (self, read, again)
            });
            let Ok((watcher, next, again)) = loading.await else {
                server
                    .log
                    .error("the thread that loads programs failed: changes are not looked for any more");
                return;
            };
            (self, read) = (watcher, next);
            match again {
                Ok(table) => {
                    applied = seen;
                    server.set_table(table);
                }
                Err(error) => server.log.error(&format!("nothing has changed: {error:#}")),
            }
        }
    }

    /// Loads what has changed, or `all`. Where that is not possible, nothing changes; it is tried again when any of the
    /// files does.
    fn again(&mut self, read: &impl Fn() -> Result<Manifest>, all: bool) -> Result<Table> {
        let stamps: Vec<_> = self.loaded.iter().map(|loaded| stamp(&loaded.app.program)).collect();
        let again = read().and_then(|manifest| {
            let loaded = self.apps(&manifest, all)?;
            Ok((table(&loaded)?, loaded))
        });
        match again {
            Ok((table, loaded)) => {
                self.loaded = loaded;
                Ok(table)
            }
            Err(error) => {
                // They were looked at, though nothing came of it.
                for (known, stamp) in self.loaded.iter_mut().zip(stamps) {
                    known.stamp = stamp;
                }
                Err(error)
            }
        }
    }

    /// The apps of `manifest`.
    ///
    /// # Errors
    ///
    /// When one does not load that was not there before.
    fn apps(&mut self, manifest: &Manifest, all: bool) -> Result<Vec<Loaded>> {
        self.failed.clear();
        let (mut loaded, mut error) = (Vec::new(), None);
        for app in &manifest.apps {
            let known = self.loaded.iter().find(|known| known.app.name == app.name);
            let stamp = stamp(&app.program);
            match known.filter(|known| !all && known.stamp == stamp && known.app == *app) {
                Some(known) => loaded.push(known.clone()),
                None => match self.one(app, stamp, known, manifest.apps.len()) {
                    Ok(one) => loaded.push(one),
                    Err(reason) => {
                        self.failed.push((app.program.clone(), stamp));
                        error.get_or_insert(reason);
                    }
                },
            }
        }
        error.map_or(Ok(loaded), Err)
    }

    /// Loads an app that has changed; if it does not load, the one before stays, where the new one would be.
    fn one(&self, app: &App, stamp: Option<Stamp>, known: Option<&Loaded>, apps: usize) -> Result<Loaded> {
        let metrics = self.metrics.app(&app.name);
        let log = &self.common.log;
        match app::load(app, &self.common, metrics.clone(), self.turns(app, apps, known)) {
            Ok(served) => {
                metrics.reloaded(true);
                log.event(&format!("app `{}` was loaded anew", app.name));
                Ok(Loaded { app: app.clone(), stamp, served: Arc::new(served) })
            }
            Err(error) => {
                metrics.reloaded(false);
                let Some(known) = known else { return Err(error.context(not_served(app))) };
                log.error(&format!("app `{}` stays as it was: {error:#}", app.name));
                // All else of it is what it was, so that it is tried again as soon as there is a reason to.
                let (program, routes) = (app.program.clone(), app.routes.clone());
                let app = App { program, routes, ..known.app.clone() };
                Ok(Loaded { app, stamp, served: known.served.clone() })
            }
        }
    }
}

fn not_served(app: &App) -> String {
    format!("app `{}` cannot be served", app.name)
}

fn table(loaded: &[Loaded]) -> Result<Table> {
    let routes = loaded
        .iter()
        .flat_map(|loaded| loaded.app.routes.iter().map(|route| (route.clone(), loaded.served.clone())));
    Table::new(routes, |served| &served.name).map_err(anyhow::Error::msg)
}
