//! What stands in for `rule` in a build without the feature `component`: nothing that could be broken, and none
//! of its texts in flash.

use core::fmt;

/// A rule of the Component Model. There is none in a build without the feature `component`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {}

impl fmt::Display for Rule {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
