//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this is never of use, and some programs that libvirt starts look at every one that there may be.
const ENOUGH: u64 = 65_536;

/// Raises the limit as far as an ordinary user may, and gives it. The usual one, 1024, is of the time of `select`: the
/// gateway does not use that.
pub(crate) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let present = limit.current.unwrap_or(u64::MAX);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(ENOUGH);
    if present >= wanted {
        return count(present);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => count(wanted),
        Err(error) => {
            tracing::warn!(%error, present, wanted, "the limit of open files cannot be raised");
            count(present)
        }
    }
}

/// What [`raise`] can come to.
pub(crate) fn most() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX).min(ENOUGH);
    count(limit.current.unwrap_or(u64::MAX).max(hard))
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_may() {
        let most = most();
        assert_eq!(raise(), most);
        assert_eq!(raise(), most, "and stays there");
    }
}
