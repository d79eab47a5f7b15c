//! The kinds of problem that only this service answers with, one a line: `NAME: 409 "name" "What went wrong";`

portico_common::problems! {}
