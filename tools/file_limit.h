// How many files and connections this process may have open at once.
#pragma once

namespace zswarm::tools {

/// As many as the hard limit allows: shells give 1,024, which a node with many connections uses up. Call it
/// before anything asks for the limit, and after the log is set up; a failure is a warning there.
void raise_file_limit();

}  // namespace zswarm::tools
