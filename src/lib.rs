//! Labels every text block of a web page.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
pub mod label; pub mod error; pub mod page; pub mod html; pub mod segment; pub mod vocabulary; pub mod analyzer; pub mod shape; pub mod context; pub mod structure; pub mod vectorizer; pub mod ngram_model; pub mod page_model;
pub mod classifier; pub mod dataset; pub mod view; pub mod evaluate; pub mod train;
