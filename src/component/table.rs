//! Tables of handles, slabs of state, and lists of items.
//!
//! A [`Table`] is what a guest sees: small numbers, 0 never among them, reused last-in-first-out
//! (`CanonicalABI.md`, "Table State"). A [`Slab`] is what the store keeps tasks, threads and waitables in:
//! its ids are never reused, so a stale one finds nothing. A [`List`] is what it keeps items in that stay.

use crate::{Rule, Trap};
use alloc::{sync::Arc, vec::Vec};
use core::{
    marker::PhantomData,
    num::{NonZeroU32, NonZeroU64},
    ops::Index,
};

/// The largest index a table may reach (`Table.MAX_LENGTH`).
const INDEX_MAX: usize = (1 << 28) - 1;

/// The index of an entry that stands behind so many.
fn index_of(place: usize) -> Result<u32, Trap> {
    if place > INDEX_MAX { Err(Rule::HandleOverflow.into()) } else { Ok(place as u32) }
}

/// A table of what guests name by number.
#[derive(Debug)]
pub(crate) struct Table<E> {
    entries: Vec<Option<E>>,
    free: Vec<u32>,
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

impl<E> Table<E> {
    /// Puts an entry at the index freed last, or at a new one.
    pub(crate) fn add(&mut self, entry: E) -> Result<u32, Trap> {
        if let Some(index) = self.free.pop() {
            self.entries[index as usize] = Some(entry);
            return Ok(index);
        }
        if self.entries.is_empty() {
            self.entries.push(None);
        }
        let index = index_of(self.entries.len())?;
        self.entries.push(Some(entry));
        Ok(index)
    }

    /// The entry at `index`.
    pub(crate) fn get(&self, index: u32) -> Result<&E, Trap> {
        self.entries.get(index as usize).and_then(Option::as_ref).ok_or(Rule::UnknownHandle(index).into())
    }

    /// The entry at `index`, to change.
    pub(crate) fn get_mut(&mut self, index: u32) -> Result<&mut E, Trap> {
        self.entries.get_mut(index as usize).and_then(Option::as_mut).ok_or(Rule::UnknownHandle(index).into())
    }

    /// Takes the entry at `index` out.
    pub(crate) fn remove(&mut self, index: u32) -> Result<E, Trap> {
        let entry = self.entries.get_mut(index as usize).and_then(Option::take);
        let entry = entry.ok_or(Rule::UnknownHandle(index))?;
        self.free.push(index);
        Ok(entry)
    }

    /// All entries, by rising index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter().flatten()
    }
}

/// Names an entry of a [`Slab`]; never another one after it was removed.
///
/// One number, of the index and, above it, the generation: two halves that are written one by one and read together, as a
/// call does that is told a name, wait for each other in the processor. A generation is not 0, so neither is a name.
pub(crate) struct Id<E> {
    number: NonZeroU64,
    entry: PhantomData<fn() -> E>,
}

impl<E> Clone for Id<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Id<E> {}

impl<E> Id<E> {
    /// Names nothing.
    pub(crate) const NOTHING: Self = Self { number: NonZeroU64::MAX, entry: PhantomData };

    #[inline]
    fn new(index: u32, generation: NonZeroU32) -> Self {
        let number = u64::from(generation.get()) << 32 | u64::from(index);
        Self { number: NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX), entry: PhantomData }
    }

    #[inline]
    fn index(self) -> usize {
        self.number.get() as u32 as usize
    }

    #[inline]
    fn generation(self) -> u32 {
        (self.number.get() >> 32) as u32
    }

    /// Another number for each.
    pub(crate) fn number(self) -> u64 {
        self.number.get()
    }
}

impl<E> PartialEq for Id<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Id<E> {}

impl<E> core::fmt::Debug for Id<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}

/// State named by ids.
#[derive(Debug)]
pub(crate) struct Slab<E, K = E> {
    entries: Vec<(NonZeroU32, Option<E>)>,
    free: Vec<u32>,
    names: PhantomData<fn() -> K>,
}

impl<E, K> Default for Slab<E, K> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), names: PhantomData }
    }
}

impl<E, K> Slab<E, K> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn add(&mut self, entry: E) -> Id<K> {
        if let Some(index) = self.free.pop() {
            let slot = &mut self.entries[index as usize];
            slot.1 = Some(entry);
            return Id::new(index, slot.0);
        }
        self.entries.push((NonZeroU32::MIN, Some(entry)));
        Id::new(self.entries.len() as u32 - 1, NonZeroU32::MIN)
    }

    /// The entry of this name, unless it is gone.
    pub(crate) fn find(&self, id: Id<K>) -> Option<&E> {
        let (generation, entry) = self.entries.get(id.index())?;
        if generation.get() == id.generation() { entry.as_ref() } else { None }
    }

    /// The entry of this name, to change, unless it is gone.
    pub(crate) fn find_mut(&mut self, id: Id<K>) -> Option<&mut E> {
        let (generation, entry) = self.entries.get_mut(id.index())?;
        if generation.get() == id.generation() { entry.as_mut() } else { None }
    }

    /// The entry of this name, which the caller knows to be there.
    pub(crate) fn get(&self, id: Id<K>) -> Result<&E, Trap> {
        self.find(id).ok_or_else(|| crate::bug!("a task, thread or waitable that is gone was used"))
    }

    /// The entry of this name, which the caller knows to be there, to change.
    pub(crate) fn get_mut(&mut self, id: Id<K>) -> Result<&mut E, Trap> {
        match self.entries.get_mut(id.index()) {
            Some((generation, Some(entry))) if generation.get() == id.generation() => Ok(entry),
            _ => Err(crate::bug!("a task, thread or waitable that is gone was used")),
        }
    }

    /// Gives the entry of this name, which the caller knows to be there, another one.
    pub(crate) fn rename(&mut self, id: Id<K>) -> Result<(Id<K>, &mut E), Trap> {
        match self.entries.get_mut(id.index()) {
            Some((generation, Some(entry))) if generation.get() == id.generation() => {
                *generation = following(*generation);
                Ok((Id::new(id.index() as u32, *generation), entry))
            }
            _ => Err(crate::bug!("a task, thread or waitable that is gone was renamed")),
        }
    }

    /// Takes the entry of this name out; its name means nothing from here on.
    pub(crate) fn remove(&mut self, id: Id<K>) -> Option<E> {
        let (generation, entry) = self.entries.get_mut(id.index())?;
        if generation.get() != id.generation() {
            return None;
        }
        let entry = entry.take()?;
        *generation = following(*generation);
        self.free.push(id.index() as u32);
        Some(entry)
    }
}

/// The generation after another: of so many, the first comes again.
#[inline]
fn following(generation: NonZeroU32) -> NonZeroU32 {
    generation.checked_add(1).unwrap_or(NonZeroU32::MIN)
}

/// Items that are there for good, each at its number. The first of them may be another's too: they are not copied then.
pub(crate) struct List<E> {
    shared: Option<Arc<[E]>>,
    own: Vec<E>,
}

impl<E> Default for List<E> {
    fn default() -> Self {
        Self { shared: None, own: Vec::new() }
    }
}

impl<E> List<E> {
    /// A list that begins with these.
    pub(crate) fn beginning_with(items: &Arc<[E]>) -> Self {
        Self { shared: Some(items.clone()), own: Vec::new() }
    }

    fn shared(&self) -> &[E] {
        self.shared.as_deref().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.shared().len() + self.own.len()
    }

    /// Adds an item: its number.
    pub(crate) fn push(&mut self, item: E) -> u32 {
        self.own.push(item);
        self.len() as u32 - 1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.shared().iter().chain(&self.own)
    }
}

impl<E: Clone> List<E> {
    /// All of them, for others to begin with.
    pub(crate) fn into_shared(self) -> Arc<[E]> {
        match self.shared {
            Some(shared) if self.own.is_empty() => shared,
            Some(shared) => shared.iter().cloned().chain(self.own).collect(),
            None => self.own.into(),
        }
    }
}

impl<E> Extend<E> for List<E> {
    fn extend<I: IntoIterator<Item = E>>(&mut self, items: I) {
        self.own.extend(items);
    }
}

impl<E> Index<u32> for List<E> {
    type Output = E;

    fn index(&self, at: u32) -> &E {
        let (at, shared) = (at as usize, self.shared());
        shared.get(at).unwrap_or_else(|| &self.own[at - shared.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_after_what_is_shared() {
        let mut first = List::default();
        assert_eq!((first.push('a'), first.push('b'), first.len()), (0, 1, 2));
        let shared = first.into_shared();
        let mut list = List::beginning_with(&shared);
        assert_eq!((list.push('c'), list.len()), (2, 3));
        list.extend(['d']);
        assert!(list.iter().eq(&['a', 'b', 'c', 'd']));
        assert_eq!((list[1], list[2], list[3]), ('b', 'c', 'd'));
        assert_eq!((&*shared, &*list.into_shared()), (&['a', 'b'][..], &['a', 'b', 'c', 'd'][..]));
    }

    #[test]
    fn zero_is_no_handle_and_the_last_freed_index_comes_first() {
        let mut table = Table::default();
        let indices: Vec<_> = (0..3).map(|n| table.add(n).unwrap()).collect();
        assert_eq!(indices, [1, 2, 3]);
        assert_eq!(table.get(0).unwrap_err(), Rule::UnknownHandle(0).into());
        table.remove(1).unwrap();
        table.remove(3).unwrap();
        assert_eq!((table.add(7).unwrap(), table.add(8).unwrap(), table.add(9).unwrap()), (3, 1, 4));
        assert_eq!(table.remove(5).unwrap_err(), Rule::UnknownHandle(5).into());
    }

    #[test]
    fn a_table_has_an_end() {
        assert_eq!(index_of(INDEX_MAX), Ok((1 << 28) - 1));
        assert_eq!(index_of(INDEX_MAX + 1), Err(Rule::HandleOverflow.into()));
    }

    #[test]
    fn a_stale_id_finds_nothing() {
        let mut slab = Slab::<char>::default();
        let old = slab.add('a');
        assert_eq!(slab.remove(old), Some('a'));
        let new = slab.add('b');
        assert_eq!(slab.remove(old), None);
        assert_eq!((slab.find(old), slab.find(new)), (None, Some(&'b')));
        let newest = slab.rename(new).unwrap().0;
        assert_eq!((slab.find(new), slab.find(newest)), (None, Some(&'b')));
        assert_eq!(slab.len(), 1);
    }
}
