//! Walking a path, one component at a time, over directory handles.
//!
//! A path is never checked as text and then handed on: it is walked, each step through a handle that
//! the step before opened without following links. What the walk cannot reach through handles it cannot
//! reach at all, so nothing a guest (or somebody beside it) renames, links or swaps meanwhile leads out.
//!
//! * `..` goes back to the handle the walk came from; above the first one it is
//!   [`Code::NotPermitted`], and so is an absolute path, wherever it stands.
//! * The target of a symbolic link takes the link's place in what is left to walk: no recursion.
//! * A slash at the end says "this is a directory".

use crate::{
    Limits,
    cap::{
        Code,
        filesystem::{Directory, Name},
    },
    wasi::price::{self, Tab},
};
use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec,
    vec::Vec,
};

/// What paths may cost, and what they did.
///
/// Kept by a dialect for one guest, passed to every operation that takes a path.
#[derive(Clone, Debug)]
pub struct Walks {
    path_bytes_max: usize,
    depth_max: usize,
    steps: u64,
    way: Way,
    tab: Tab,
}

/// How far the last walk came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// There was none.
    #[default]
    NotBegun,
    /// It stayed below the directory where it began.
    Inside,
    /// It led out of it, and ended there.
    Outside,
}

/// What to do about a symbolic link in the last place. Those before it are always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Take the link itself, and refuse a slash behind it: for what creates, renames and removes names.
    Never,
    /// Take the link itself, unless a slash behind it asks for the directory it leads to.
    Slash,
    /// Take what it leads to.
    Always,
}

/// What a path ends in, once everything before is walked.
#[derive(Clone, Copy)]
pub enum Last<'a> {
    /// The directory where the walk stands: the path ended in `.` or `..`.
    Here(&'a Arc<dyn Directory>),
    /// A name in it.
    Entry {
        /// The directory where the walk stands.
        parent: &'a Arc<dyn Directory>,
        /// The name. What it names, if anything, nobody has looked at.
        name: Name<'a>,
        /// Whether a slash followed it.
        slash: bool,
    },
}

/// What a step costs where a dialect has no price of its own for it.
pub const STEP_FUEL: u64 = 5;

impl Walks {
    /// No steps yet; paths, and texts of links, of at most so many bytes, leading at most [`DEPTH_MAX`] deep.
    #[must_use]
    pub fn new(path_bytes_max: u32) -> Self {
        Self {
            path_bytes_max: path_bytes_max as usize,
            depth_max: DEPTH_MAX,
            steps: 0,
            way: Way::NotBegun,
            tab: Tab::default(),
        }
    }

    /// No steps yet, within `limits`; what is opened and read on the way is owed on `tab`.
    #[must_use]
    pub fn within(limits: &Limits, tab: &Tab) -> Self {
        let depth_max = limits.path_depth as usize;
        Self { depth_max, tab: tab.clone(), ..Self::new(limits.path_bytes) }
    }

    /// How many steps were made since this was last asked: what a dialect charges for.
    pub const fn take_steps(&mut self) -> u64 {
        core::mem::replace(&mut self.steps, 0)
    }

    /// How far the last walk came since this was last asked: whoever was refused before one began was refused by what is
    /// granted of the directory.
    pub const fn take_way(&mut self) -> Way {
        core::mem::replace(&mut self.way, Way::NotBegun)
    }

    /// Refuses what is no relative path at all.
    fn check(&mut self, path: &str) -> Result<(), Code> {
        if path.starts_with('/') {
            self.way = Way::Outside;
        }
        check_text(path, self.path_bytes_max)
    }

    /// The longest path, in bytes.
    #[must_use]
    pub const fn path_bytes_max(&self) -> usize {
        self.path_bytes_max
    }

    /// Walks `path` from `root`, and calls `operate` on its last component.
    ///
    /// `operate` answers [`Code::Loop`] when it meets a symbolic link. Where `follow` says so the link is
    /// followed, and `operate` called again on what it leads to.
    ///
    /// # Errors
    ///
    /// [`Code::NoEntry`] for the empty path, or when something on the way is missing;
    /// [`Code::NotDirectory`] when something on the way is none; [`Code::NotPermitted`] for a path that is
    /// absolute or leads above `root`; [`Code::Loop`] beyond [`LINKS_MAX`] links; [`Code::NameTooLong`]
    /// beyond the bounds; [`Code::Invalid`] for a NUL; and what `operate` answers.
    pub fn walk<T>(
        &mut self,
        root: &Arc<dyn Directory>,
        path: &str,
        follow: Follow,
        mut operate: impl FnMut(Last<'_>) -> Result<T, Code>,
    ) -> Result<T, Code> {
        self.way = Way::Inside;
        let mut walk = Walk::new(root, path, self)?;
        loop {
            let last = walk.last()?;
            let follows = match (follow, last) {
                (Follow::Always, Last::Entry { .. }) | (Follow::Slash, Last::Entry { slash: true, .. }) => {
                    true
                }
                (_, Last::Here(_) | Last::Entry { .. }) => false,
            };
            match operate(last) {
                Err(Code::Loop) if follows => walk.follow()?,
                result => return result,
            }
        }
    }
}

/// A walk under way.
struct Walk<'w> {
    walks: &'w mut Walks,
    /// The directories from the root to where the walk stands. Never empty.
    stack: Vec<Arc<dyn Directory>>,
    /// What is left to walk, from `at` on: never empty, and never starting with a slash.
    rest: String,
    at: usize,
    links_left: u32,
    bytes_left: usize,
}

impl<'w> Walk<'w> {
    fn new(root: &Arc<dyn Directory>, path: &str, walks: &'w mut Walks) -> Result<Self, Code> {
        walks.check(path)?;
        let bytes_left = walks.path_bytes_max.saturating_mul(EXPANSION_MAX);
        let (stack, rest) = (vec![root.clone()], path.to_string());
        Ok(Self { walks, stack, rest, at: 0, links_left: LINKS_MAX, bytes_left })
    }

    /// Walks until one component is left, and says which.
    fn last(&mut self) -> Result<Last<'_>, Code> {
        loop {
            self.walks.steps += 1;
            let rest = &self.rest[self.at..];
            let end = rest.find('/').unwrap_or(rest.len());
            let after = rest[end..].trim_start_matches('/');
            let (component, slash, is_last) = (&rest[..end], end < rest.len(), after.is_empty());
            let next = self.rest.len() - after.len();
            match component {
                "." => {}
                ".." => {
                    // Not "stay at the root", as a process's root would have it: whoever asks to
                    // leave a grant is told that it cannot.
                    if self.stack.len() == 1 {
                        self.walks.way = Way::Outside;
                        return Err(Code::NotPermitted);
                    }
                    self.stack.pop();
                }
                _ if is_last => {
                    let name = Name::new(&self.rest[self.at..self.at + end])?;
                    let parent = top(&self.stack)?;
                    return Ok(Last::Entry { parent, name, slash });
                }
                _ => {
                    self.walks.tab.owe(price::DIRECTORY);
                    match top(&self.stack)?.open_directory(Name::new(component)?) {
                        Ok(directory) => self.enter(directory)?,
                        Err(Code::Loop) => {
                            self.follow()?;
                            continue;
                        }
                        Err(code) => return Err(code),
                    }
                }
            }
            if is_last {
                return Ok(Last::Here(top(&self.stack)?));
            }
            self.at = next;
        }
    }

    fn enter(&mut self, directory: Arc<dyn Directory>) -> Result<(), Code> {
        if self.stack.len() > self.walks.depth_max {
            return Err(Code::NameTooLong);
        }
        self.stack.push(directory);
        Ok(())
    }

    /// Puts the target of the symbolic link that is next in its place.
    fn follow(&mut self) -> Result<(), Code> {
        self.links_left = self.links_left.checked_sub(1).ok_or(Code::Loop)?;
        let rest = &self.rest[self.at..];
        let (name, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        self.walks.tab.owe(price::LINK);
        let target = match top(&self.stack)?.read_link(Name::new(name)?) {
            // It was a link a moment ago. Somebody is playing: do not play along.
            Err(Code::Invalid) => return Err(Code::Loop),
            result => result?,
        };
        self.walks.check(&target)?;
        let text = target + after;
        self.bytes_left = self.bytes_left.checked_sub(text.len()).ok_or(Code::NameTooLong)?;
        (self.rest, self.at) = (text, 0);
        Ok(())
    }
}

fn top(stack: &[Arc<dyn Directory>]) -> Result<&Arc<dyn Directory>, Code> {
    // Never empty: only `..` pops, and not the first.
    stack.last().ok_or(Code::NotPermitted)
}

/// Refuses what is no relative path at all.
fn check_text(path: &str, bytes_max: usize) -> Result<(), Code> {
    if path.len() > bytes_max {
        return Err(Code::NameTooLong);
    }
    if path.is_empty() {
        return Err(Code::NoEntry);
    }
    if path.contains('\0') {
        return Err(Code::Invalid);
    }
    if path.starts_with('/') {
        return Err(Code::NotPermitted);
    }
    Ok(())
}

/// Refuses a symbolic link's target that is no path, or an absolute one. A relative one that leads out
/// of the grant may be created, for it may be moved to where it leads inside, and is refused when walked.
///
/// # Errors
///
/// [`Code::NotPermitted`], [`Code::NoEntry`], [`Code::NameTooLong`], [`Code::Invalid`].
pub fn check_link_target(target: &str, walks: &Walks) -> Result<(), Code> {
    check_text(target, walks.path_bytes_max)
}

/// How many symbolic links one walk follows, as on Linux.
pub const LINKS_MAX: u32 = 40;

/// How many directories a walk may be below where it began, where no [`Limits::path_depth`] is given: each one is an
/// open handle until the walk ends.
pub const DEPTH_MAX: usize = 64;

/// How many times the longest path all texts of links in one walk may be, together.
const EXPANSION_MAX: usize = 4;
