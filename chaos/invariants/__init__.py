"""What must hold in every history, whatever was broken meanwhile; one file a family, a function an invariant."""
