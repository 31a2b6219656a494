#include "kernels/chat/chat_template.h"

#include <gtest/gtest.h>

#include <string>

namespace zswarm::chat {
namespace {

std::string rendered(std::string_view source, std::string_view context = "{}") {
  const auto compiled = ChatTemplate::compile(source);
  if (!compiled) return "does not compile: " + compiled.error().message;
  RenderLimits limits;
  limits.now_unix_s = 1'751'374'923;
  const auto text = compiled->render(context, limits);
  return text ? *text : "error: " + text.error().message;
}

Error failure(std::string_view source, std::string_view context = "{}", const RenderLimits& limits = {}) {
  const auto compiled = ChatTemplate::compile(source);
  if (!compiled) return compiled.error();
  const auto text = compiled->render(context, limits);
  return text ? Error{ErrorCode::kInternal, "rendered: " + *text, ""} : text.error();
}

TEST(ChatTemplate, TrimsBlocksAndKeepsKeyOrder) {
  EXPECT_EQ(rendered("  {% if true %}\nyes\n  {% endif %}\nend\n"), "yes\nend");
  EXPECT_EQ(rendered("{{ t|tojson }}", R"({"t": {"b": 1, "a": {"z": null, "y": [1.0, true]}}})"),
            R"({"b": 1, "a": {"z": null, "y": [1.0, true]}})");
}

TEST(ChatTemplate, PrintsValuesAsPythonDoes) {
  EXPECT_EQ(rendered("{{ [1.0, 1e20, 1e16, 1.5e-7, 0.0001, true, none, 'it\\'s', \"\\n\\u200b\"] }}"),
            "[1.0, 1e+20, 1e+16, 1.5e-07, 0.0001, True, None, \"it's\", '\\n\\u200b']");
  EXPECT_EQ(rendered("{{ 1e20 ~ ' ' ~ true ~ none ~ missing ~ {'a': (1,)} }}"), "1e+20 TrueNone{'a': (1,)}");
  EXPECT_EQ(rendered("{{ n }} {{ n|tojson }}",
                     R"({"n": 123456789012345678901234567890123456789012345678901234567890})"),
            "123456789012345678901234567890123456789012345678901234567890 "
            "123456789012345678901234567890123456789012345678901234567890");
}

TEST(ChatTemplate, WritesJsonAsTransformersDoes) {
  EXPECT_EQ(rendered("{{ v|tojson }}", R"({"v": {"é<&'": "\u0001\n\"\\", "x": 1e20}})"),
            R"({"é<&'": "\u0001\n\"\\", "x": 1e+20})");
  EXPECT_EQ(rendered("{{ v|tojson(ensure_ascii=true) }}", R"({"v": "é🙂"})"), R"("\u00e9\ud83d\ude42")");
  EXPECT_EQ(rendered("{{ v|tojson(indent=2, sort_keys=true) }}", R"({"v": {"b": [1, []], "a": {}}})"),
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    []\n  ]\n}");
  EXPECT_EQ(rendered("{{ v|tojson(separators=(',', ':')) }}", R"({"v": {"b": [1, 2]}})"), R"({"b":[1,2]})");
}

TEST(ChatTemplate, ShowsTheBodyOfAGenerationBlock) {
  EXPECT_EQ(rendered("a\n{%- generation %}\nb\n{% endgeneration -%}\n c"), "ab\nc");
  EXPECT_EQ(rendered("{% raw %}{% generation %}{% endraw %}{# {% generation %} #}{{ '{% generation %}' }}"),
            "{% generation %}{% generation %}");
  EXPECT_EQ(rendered("{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}"),
            "21");
}

TEST(ChatTemplate, TellsUndefinedFromNoneAndRefusesItsAttributes) {
  EXPECT_EQ(rendered("[{{ a }}{{ a is defined }}{{ tools is none }}{{ documents is defined }}{{ "
                     "add_generation_prompt }}]"),
            "[FalseTrueTrueFalse]");
  EXPECT_EQ(failure("{{ a.b }}").code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(failure("{{ none|length }}").code, ErrorCode::kInvalidArgument);
}

TEST(ChatTemplate, GivesPythonsMethodsPrecedenceOverKeysAsAttributes) {
  const std::string schema = R"({"s": {"items": {"type": "number"}}, "e": {}})";
  EXPECT_EQ(
      rendered("{{ s['items'].type }} {% for k, v in s.items() %}{{ k }}{% endfor %} {{ 1 if e['items'] }}",
               schema),
      "number items 1");
}

TEST(ChatTemplate, ShowsTheTimeItIsGiven) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(rendered("{{ strftime_now('%d %b %Y %H:%M') }}"), "01 Jul 2025 13:02");
}

TEST(ChatTemplate, LeavesOutKeysOfMessagesThatAreNull) {
  EXPECT_EQ(rendered("{{ messages[0].keys()|list }}",
                     R"({"messages": [{"role": "user", "content": "x", "name": null}]})"),
            "['role', 'content']");
}

TEST(ChatTemplate, GivesArgumentsAsAnObjectAndAsTextWhereThatFails) {
  const std::string call =
      R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\": 1.0}"}}]}]})";
  EXPECT_EQ(rendered("{{ messages[0].tool_calls[0].function.arguments.a }}", call), "1.0");
  EXPECT_EQ(rendered("{{ messages[0].tool_calls[0].function.arguments + '!' }}", call), "{\"a\": 1.0}!");
}

TEST(ChatTemplate, GivesPartsAsTheyAreAndJoinsThemWhereTheTemplateCannotTakeThem) {
  const std::string parts =
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]})";
  EXPECT_EQ(rendered("{% for p in messages[0].content %}<{{ p.text }}>{% endfor %}", parts), "<Hel><lo>");
  EXPECT_EQ(rendered("{{ '[' + messages[0].content + ']' }}", parts), "[Hello]");
  EXPECT_EQ(rendered("[{{ messages[0].content }}]", parts), "[Hello]");
  EXPECT_EQ(rendered("[{{ messages[0].content|tojson }}]", parts), "[\"Hello\"]");
  EXPECT_EQ(rendered("[{% if messages[0].content is string %}{{ messages[0].content }}{% endif %}]", parts),
            "[Hello]");
  EXPECT_EQ(rendered("[only the role: {{ messages[0].role }}]", parts), "[only the role: user]");
}

TEST(ChatTemplate, RefusesWithTheTemplatesOwnWords) {
  const Error error = failure("{{ raise_exception('Conversation roles must alternate') }}");
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.message, "Conversation roles must alternate");
}

TEST(ChatTemplate, NamesTheLineThatIsWrong) {
  EXPECT_NE(failure("a\n{% if %}\n").message.find("line 2"), std::string::npos);
  EXPECT_NE(failure("a\n\n{{ x.y }}").message.find("line 3"), std::string::npos);
}

TEST(ChatTemplate, RefusesTagsThatReachOtherTemplates) {
  for (const char* source :
       {"{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% do x() %}"}) {
    EXPECT_EQ(failure(source).code, ErrorCode::kInvalidArgument) << source;
  }
}

TEST(ChatTemplate, RefusesContextsThatAreNoObject) {
  for (const char* context :
       {"", "[]", "{", "null", R"({"messages": 1})", R"({"messages": ["x"]})", "\xff"}) {
    EXPECT_EQ(failure("x", context).code, ErrorCode::kInvalidArgument) << context;
  }
}

TEST(ChatTemplate, StopsAtItsLimits) {
  RenderLimits few_steps;
  few_steps.fuel = 1000;
  EXPECT_EQ(failure("{% for i in range(9999) %}{% endfor %}", "{}", few_steps).code, ErrorCode::kDeadline);
  RenderLimits small;
  small.max_output_bytes = 10;
  EXPECT_EQ(failure("{{ 'a' * 11 }}", "{}", small).code, ErrorCode::kTooLarge);
  EXPECT_EQ(failure("{{ 'a' * 10**9 }}").code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace zswarm::chat
