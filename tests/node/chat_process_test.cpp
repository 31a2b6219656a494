#include "node/chat_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <ostream>
#include <string>
#include <thread>

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;

ChatProcessOptions in_tests() {
  ChatProcessOptions options;
  options.command = {std::string(ZSWARM_BINARY_DIR) + "/tests/template_sandbox", "template-sandbox"};
  return options;
}

const std::string kGreeting = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
const std::string kHello = R"({"messages": [{"role": "user", "content": "Hello"}]})";

class ChatProcessTest : public ::testing::Test {
 protected:
  void expect_still_renders() {
    const auto text = process_.render(kGreeting, kHello, 10s);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, "<user>Hello");
  }

  ChatProcess process_{in_tests()};
};

TEST_F(ChatProcessTest, RendersAndKeepsTheChildForTheNextTemplate) {
  expect_still_renders();
  const auto first = process_.child();
  ASSERT_TRUE(first);
  expect_still_renders();
  EXPECT_EQ(process_.child(), first);
}

TEST_F(ChatProcessTest, RendersMoreTemplatesThanTheChildKeeps) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 70; ++i) {
      const auto text = process_.render("{{ 'number " + std::to_string(i) + "' }}", "{}", 10s);
      ASSERT_TRUE(text) << text.error().message;
      EXPECT_EQ(*text, "number " + std::to_string(i));
    }
  }
}

TEST_F(ChatProcessTest, CarriesMegabytesInBothDirections) {
  const std::string content(3u << 20, 'x');
  const auto text =
      process_.render(kGreeting, R"({"messages": [{"role": "user", "content": ")" + content + "\"}]}", 30s);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, "<user>" + content);
}

TEST_F(ChatProcessTest, PassesOnWhatTheTemplateSaysWhenItRefuses) {
  const auto text = process_.render("{{ raise_exception('Roles must alternate!') }}", "{}", 10s);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(text.error().message, "Roles must alternate!");
  expect_still_renders();
}

TEST_F(ChatProcessTest, ReportsATemplateThatDoesNotParse) {
  const auto text = process_.render("{% if %}", "{}", 10s);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kInvalidArgument);
  expect_still_renders();
}

TEST_F(ChatProcessTest, StartsAFreshChildAfterOneWasKilled) {
  expect_still_renders();
  ASSERT_TRUE(process_.child());
  kill(*process_.child(), SIGKILL);
  const auto text = process_.render(kGreeting, kHello, 10s);
  // Either this rendering notices, or the kernel was slow to deliver; the one after it must succeed.
  if (!text) {
    EXPECT_EQ(text.error().code, ErrorCode::kTooLarge);
  }
  expect_still_renders();
}

TEST_F(ChatProcessTest, EndsATemplateThatOutlivesItsDeadlineAndRendersTheNext) {
  chat::RenderLimits endless;
  endless.fuel = std::uint64_t{1} << 60;
  const auto start = std::chrono::steady_clock::now();
  const auto text =
      process_.render("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
                      "{}", 300ms, endless);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kDeadline);
  EXPECT_FALSE(process_.child());
  expect_still_renders();
}

TEST_F(ChatProcessTest, RefusesWhatIsLargerThanAMessage) {
  const auto text = process_.render(std::string(65u << 20, ' '), "{}", 10s);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kTooLarge);
}

TEST(ChatProcess, SaysThatItsProgramCannotBeStarted) {
  ChatProcess process({{"/nonexistent/program", "template-sandbox"}, 0});
  const auto text = process.render(kGreeting, kHello, 5s);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kIo);
}

TEST(ChatProcess, ReportsAProgramThatIsNoSandbox) {
  ChatProcess process({{"/bin/false"}, 0});
  const auto text = process.render(kGreeting, kHello, 5s);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kInternal);
}

TEST(ChatProcess, TheChildEndsWithTheThreadThatStartedIt) {
  pid_t child = 0;
  std::thread([&child] {
    ChatProcess process(in_tests());
    ASSERT_TRUE(process.render(kGreeting, kHello, 10s));
    child = process.child().value_or(0);
  }).join();
  ASSERT_GT(child, 0);
  EXPECT_NE(kill(child, 0), 0);
}

/// Each of these costs more than it may: time, memory, stack or text. It must end in an error, and the next
/// rendering must work.
struct Hostile {
  const char* name;
  std::string source;
  friend void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }
};

class HostileTemplate : public ChatProcessTest, public ::testing::WithParamInterface<Hostile> {};

TEST_P(HostileTemplate, EndsInAnErrorWithinItsLimits) {
  const auto start = std::chrono::steady_clock::now();
  const auto text =
      process_.render(GetParam().source, R"({"messages": [{"role": "user", "content": "x"}]})", 4s);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 15s);
  EXPECT_FALSE(text) << "rendered " << text->size() << " bytes";
  if (!text) {
    EXPECT_FALSE(text.error().message.empty());
    EXPECT_NE(text.error().code, ErrorCode::kInternal) << text.error().message;
    RecordProperty("error", std::string(error_code_name(text.error().code)) + ": " + text.error().message);
  }
  expect_still_renders();
}

std::string repeated(std::string_view what, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += what;
  return text;
}

std::string nested(std::string_view before, std::string_view middle, std::string_view after, int times) {
  return repeated(before, times) + std::string(middle) + repeated(after, times);
}

std::vector<Hostile> hostile_templates() {
  return {
      {"EndlessRange", "{% for i in range(10**12) %}x{% endfor %}"},
      {"NestedLoops",
       "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x{% endfor %}{% "
       "endfor %}{% endfor %}"},
      {"EmptyNestedLoops", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"},
      {"MacroRecursion", "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}"},
      {"MutualMacroRecursion",
       "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}"},
      {"RecursiveLoop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
      {"BlockRecursion", "{% block a %}{{ self.a() }}{% endblock %}"},
      {"Doubling",
       "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor "
       "%}{{ ns.x|length }}"},
      {"DoublingByAddition",
       "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor "
       "%}"},
      {"DoublingLists",
       "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"},
      {"DoublingByReference",
       "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ "
       "ns.x }}"},
      {"ComparingDoubledReferences",
       "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
       "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}"},
      {"JsonOfDoubledReferences",
       "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ "
       "ns.x|tojson }}"},
      {"DeepValue",
       "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x "
       "}}"},
      {"DeepJson",
       "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ "
       "ns.x|tojson }}"},
      {"StringMultiplication", "{{ 'a' * 10**9 }}"},
      {"StringMultiplicationUnused", "{% set x = 'a' * 10**12 %}"},
      {"ListMultiplication", "{{ ([1] * 10**9)|length }}"},
      {"Power", "{{ 10 ** 10 ** 10 }}"},
      {"Center", "{{ 'a'|center(10**9) }}"},
      {"CenterMethod", "{{ 'a'.center(10**9) }}"},
      {"Ljust", "{{ 'a'.ljust(10**10) }}"},
      {"Zfill", "{{ '1'.zfill(10**9) }}"},
      {"Expandtabs", "{{ '\t\t\t'.expandtabs(10**9) }}"},
      {"Indent", "{{ 'a\nb\nc'|indent(10**9) }}"},
      {"IndentWithText", "{% set w = 'x' * 1000000 %}{{ ('a\n' * 1000000)|indent(w) }}"},
      {"JsonIndent", "{{ [1, [2]]|tojson(indent=10**9) }}"},
      {"PercentFormat", "{{ '%1000000000d' % 1 }}"},
      {"PercentFormatStar", "{{ '%*d' % (1000000000, 1) }}"},
      {"FormatFilter", "{{ '%1000000000s'|format('x') }}"},
      {"FormatMethod", "{{ '{:1000000000}'.format(1) }}"},
      {"FormatPrecision", "{{ '%.1000000000f' % 1.5 }}"},
      {"Replace", "{% set x = 'a' * 1000000 %}{{ x|replace('a', x) }}"},
      {"Join", "{% set x = 'a' * 1000000 %}{{ range(99999)|join(x) }}"},
      {"JoinMethod", "{% set x = 'a' * 1000000 %}{{ x.join(x) }}"},
      {"Batch", "{{ [1]|batch(10**10, 0)|list }}"},
      {"Slice", "{{ [1]|slice(10**10)|list }}"},
      {"ListOfText", "{% set x = 'a' * 100000000 %}{{ x|list|length }}"},
      {"Split", "{% set x = 'a ' * 50000000 %}{{ x.split()|length }}"},
      {"Unique",
       "{{ range(99999)|unique|list|length }}{% for i in range(9999) %}{{ range(99999)|unique|list|length "
       "}}{% endfor %}"},
      {"SortInLoop", "{% for i in range(99999) %}{% set x = range(99999)|sort(reverse=true) %}{% endfor %}"},
      {"EqualTextInLoop",
       "{% set x = 'a' * 10000000 %}{% set y = 'a' * 10000000 %}{% for i in range(99999) %}{% if x == y %}{% "
       "endif %}{% endfor %}"},
      {"UpperInLoop",
       "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{% set y = x.upper() %}{% endfor %}"},
      {"TrimInLoop",
       "{% set x = ' ' * 1000000 %}{% for i in range(99999) %}{% set y = x|trim %}{% endfor %}"},
      {"LiteralInLoop", "{% for i in range(99999) %}" + std::string(100'000, 'x') + "{% endfor %}"},
      {"CapturedLiteralInLoop",
       "{% set y %}{% for i in range(99999) %}" + std::string(100'000, 'x') + "{% endfor %}{% endset %}"},
      {"StringConstantInLoop",
       "{% for i in range(99999) %}{{ '" + std::string(100'000, 'x') + "' }}{% endfor %}"},
      {"ManyLists",
       "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = ns.x + [range(1000)|list] "
       "%}{% endfor %}"},
      {"StrftimeWidth", "{{ strftime_now('%1000000000Y') }}{{ strftime_now('%Y' * 100000000) }}"},
      {"DeepParentheses", "{{ " + nested("(", "1", ")", 100'000) + " }}"},
      {"DeepLists", "{{ " + nested("[", "1", "]", 100'000) + " }}"},
      {"DeepIfs", nested("{% if true %}", "x", "{% endif %}", 100'000)},
      {"DeepFors", nested("{% for x in y %}", "x", "{% endfor %}", 100'000)},
      {"DeepWith", nested("{% with %}", "x", "{% endwith %}", 100'000)},
      {"DeepGeneration", nested("{% generation %}", "x", "{% endgeneration %}", 100'000)},
      {"DeepNot", "{{ " + repeated("not ", 100'000) + "true }}"},
      {"DeepMinus", "{{ " + repeated("-", 100'000) + "1 }}"},
      {"LongSum", "{{ 1" + repeated("+1", 100'000) + " }}"},
      {"LongConcat", "{{ 1" + repeated("~1", 100'000) + " }}"},
      {"LongAttributes", "{{ x" + repeated(".a", 100'000) + " }}"},
      {"LongFilters", "{{ 1" + repeated("|string", 100'000) + " }}"},
      {"LongCalls", "{{ x" + repeated("()", 100'000) + " }}"},
      {"LongSubscripts", "{{ x" + repeated("[0]", 100'000) + " }}"},
      {"LongConditionals", "{{ 1" + repeated(" if 1 else 1", 100'000) + " }}"},
      {"LongAnd", "{{ 1" + repeated(" and 1", 100'000) + " }}"},
      {"LongTests", "{{ 1" + repeated(" is defined", 100'000) + " }}"},
      {"LongElifs",
       "{% if a %}" + repeated("{% elif b %}", 100'000) + "{% endif %}{{ raise_exception('end') }}"},
      {"HugeSource", std::string(5u << 20, 'x')},
  };
}

INSTANTIATE_TEST_SUITE_P(Templates, HostileTemplate, ::testing::ValuesIn(hostile_templates()),
                         [](const auto& case_of) { return std::string(case_of.param.name); });

}  // namespace
}  // namespace zswarm::node
