//! Header and trailer sections.

use super::types::{HeaderError, HostFields};
use crate::{
    component::Resource,
    engine::Fault,
    wasi::{
        http::{self, Fields},
        p3::State,
    },
};
use alloc::{string::String, vec::Vec};

impl From<http::HeaderError> for HeaderError {
    fn from(error: http::HeaderError) -> Self {
        match error {
            http::HeaderError::InvalidSyntax => Self::InvalidSyntax,
            http::HeaderError::Forbidden => Self::Forbidden,
            http::HeaderError::Immutable => Self::Immutable,
            http::HeaderError::SizeExceeded => Self::SizeExceeded,
        }
    }
}

impl HostFields for State {
    fn new(&mut self) -> Result<Resource<Fields>, Fault> {
        let fields = Fields::new(self.bounds());
        Ok(self.table.push(fields)?)
    }

    fn from_list(
        &mut self,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<Resource<Fields>, HeaderError>, Fault> {
        match Fields::from_list(self.bounds(), entries) {
            Ok(fields) => Ok(Ok(self.table.push(fields)?)),
            Err(error) => Ok(Err(error.into())),
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
        Ok(self.table.get_mut(&this)?.set(&name, value).map_err(HeaderError::from))
    }

    fn delete(&mut self, this: Resource<Fields>, name: String) -> Result<Result<(), HeaderError>, Fault> {
        Ok(self.table.get_mut(&this)?.remove(&name).map(drop).map_err(HeaderError::from))
    }

    fn get_and_delete(
        &mut self,
        this: Resource<Fields>,
        name: String,
    ) -> Result<Result<Vec<Vec<u8>>, HeaderError>, Fault> {
        Ok(self.table.get_mut(&this)?.remove(&name).map_err(HeaderError::from))
    }

    fn append(
        &mut self,
        this: Resource<Fields>,
        name: String,
        value: Vec<u8>,
    ) -> Result<Result<(), HeaderError>, Fault> {
        Ok(self.table.get_mut(&this)?.append(&name, value).map_err(HeaderError::from))
    }

    fn copy_all(&mut self, this: Resource<Fields>) -> Result<Vec<(String, Vec<u8>)>, Fault> {
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
