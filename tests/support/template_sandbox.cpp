// The template process of the tests: what the command's main() does first, and nothing else.
#include "node/chat_process.h"

int main(int argc, char** argv) {
  return zswarm::node::run_if_chat_sandbox(argc, argv).value_or(2);
}
