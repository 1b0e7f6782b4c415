//! What each package manager says and means. Pure.
