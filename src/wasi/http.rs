//! What HTTP means: which fields, targets and lengths a guest may say, and how long it may wait.
