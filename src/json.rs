//! A JSON scanner over raw text: finds members without building a document.
