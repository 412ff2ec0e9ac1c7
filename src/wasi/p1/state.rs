//! What this dialect keeps for one guest.

use super::{
    fd::{Entry, Table},
    poll::Wait,
};
use crate::{
    Limits,
    cap::{Code, clocks::Clocks},
    wasi::{Grants, cli::variable_text, filesystem::Directory, path::Walks, price::Tab, random::Source},
};
use alloc::{string::String, sync::Arc, vec::Vec};

/// The descriptors and everything else a guest of WASI 0.1 has open.
pub struct State {
    pub(super) args: Arc<[String]>,
    /// Each as `name=value`.
    pub(super) env: Vec<String>,
    pub(super) clocks: Arc<dyn Clocks>,
    pub(super) random: Source,
    pub(super) fds: Table,
    pub(super) walks: Walks,
    /// What is owed for work in directories and files.
    tab: Tab,
    /// What the guest waits for, if it does: decoded once.
    pub(super) wait: Option<Wait>,
}

impl State {
    /// What a guest starts with: streams at 0, 1 and 2, directories from 3 on, then sockets.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for an argument, variable or directory name that cannot be one;
    /// [`Code::TooManyOpen`] when there are more grants than [`Limits::descriptors`].
    pub fn new(grants: Grants, limits: &Limits) -> Result<Self, Code> {
        grants.check_names()?;
        let Grants { args, env, stdin, stdout, stderr, directories, sockets, clocks, random, .. } = grants;
        let env = env.iter().map(|(name, value)| variable_text(name, value)).collect();
        let mut fds = Vec::with_capacity(3 + directories.len() + sockets.len());
        fds.extend([Some(Entry::input(stdin)), Some(Entry::output(stdout)), Some(Entry::output(stderr))]);
        // Of nothing, nothing is owed.
        let tab = if directories.is_empty() { Tab::default() } else { Tab::new() };
        for preopen in directories {
            let directory = Directory::new(preopen.directory, preopen.access).on(&tab);
            fds.push(Some(Entry::directory(directory).preopened(preopen.name)));
        }
        fds.extend(sockets.into_iter().map(|socket| Some(Entry::socket(socket, false))));
        let fds = Table::new(limits.descriptors, fds)?;
        let walks = Walks::within(limits, &tab);
        Ok(Self { args, env, clocks, random, fds, walks, tab, wait: None })
    }

    /// What fuel the calls since it was last asked took besides what they charged.
    #[must_use]
    pub fn take_owed(&mut self) -> u64 {
        self.tab.take()
    }
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}
