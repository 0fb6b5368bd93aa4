"""Methods that the same harness trains and evaluates; `registry` names them."""
