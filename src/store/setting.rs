//! Values of the gateway itself that are made once and kept, sealed: keys for page tokens and the like.

use zeroize::Zeroizing;

use super::{Result, SystemStore};

impl SystemStore {
    /// The secret of this name. When there is none, `make` makes it; of several that try at once one wins, and all get that.
    ///
    /// # Errors
    /// When the database cannot be read or written, or the value cannot be opened.
    pub async fn secret_setting(
        &self,
        name: &str,
        make: impl FnOnce() -> Vec<u8> + Send,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let _ = (name, make);
        todo!()
    }
}
