//! Header and trailer sections.

use super::types::{HeaderError, HostFields};
use crate::{
    Trap,
    component::Resource,
    engine::Fault,
    wasi::{
        http::{self, Fields},
        p2::State,
    },
};
use alloc::{string::String, vec::Vec};

/// What a guest is told of a change that failed. WASI 0.2 has no word for a section that would be too large: the
/// nearest is that the host does not let it be changed any further.
fn told(result: Result<(), http::HeaderError>) -> Result<(), HeaderError> {
    result.map_err(|error| match error {
        http::HeaderError::InvalidSyntax => HeaderError::InvalidSyntax,
        http::HeaderError::Forbidden => HeaderError::Forbidden,
        http::HeaderError::Immutable | http::HeaderError::SizeExceeded => HeaderError::Immutable,
    })
}

/// A guest that would need to be told ends instead: `clone` has no failure.
pub(super) const TOO_LARGE: Trap = Trap::Host("HTTP fields are larger than a guest may have them");

impl HostFields for State {
    fn new(&mut self) -> Result<Resource<Fields>, Fault> {
        Ok(self.table.push(Fields::new(&self.http.bounds))?)
    }

    fn from_list(
        &mut self,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<Resource<Fields>, HeaderError>, Fault> {
        match Fields::from_list(&self.http.bounds, entries) {
            Ok(fields) => Ok(Ok(self.table.push(fields)?)),
            Err(http::HeaderError::SizeExceeded) => Err(TOO_LARGE.into()),
            Err(error) => Ok(Err(told(Err(error)).err().unwrap_or(HeaderError::InvalidSyntax))),
        }
    }

    fn get(&mut self, this: Resource<Fields>, name: String) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(self.table.get(&this)?.get(&name))
    }

    fn has(&mut self, this: Resource<Fields>, name: String) -> Result<bool, Fault> {
        Ok(self.table.get(&this)?.has(&name))
    }

    fn set(
        &mut self,
        this: Resource<Fields>,
        name: String,
        value: Vec<Vec<u8>>,
    ) -> Result<Result<(), HeaderError>, Fault> {
        Ok(told(self.table.get_mut(&this)?.set(&name, value)))
    }

    fn delete(&mut self, this: Resource<Fields>, name: String) -> Result<Result<(), HeaderError>, Fault> {
        Ok(told(self.table.get_mut(&this)?.remove(&name).map(drop)))
    }

    fn append(
        &mut self,
        this: Resource<Fields>,
        name: String,
        value: Vec<u8>,
    ) -> Result<Result<(), HeaderError>, Fault> {
        Ok(told(self.table.get_mut(&this)?.append(&name, value)))
    }

    fn entries(&mut self, this: Resource<Fields>) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        Ok(self.table.get(&this)?.entries())
    }

    fn clone(&mut self, this: Resource<Fields>) -> Result<Resource<Fields>, Fault> {
        let copy = self.table.get(&this)?.thaw();
        Ok(self.table.push(copy)?)
    }

    fn drop(&mut self, this: Resource<Fields>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
