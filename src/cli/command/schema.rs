//! `patchwave schema`: the JSON Schema of a kind of file.

use crate::cli::{Failure, World, args::SchemaArgs, schemas};

pub(in crate::cli) fn schema(args: &SchemaArgs, world: &mut World) -> Result<u8, Failure> {
    world.print(&schemas::text(args.of))
}
