#include <gtest/gtest.h>

#include "supervisorring/factory.h"

namespace supervisorring {
namespace {

class Plain : public gen_server {};

std::string resolved(const char* start) {
  worker_registry registry;
  registry.add<Plain>("Elixir.Counter");
  registry.add("engine", "open", GenServerFactory([] { return std::make_unique<Plain>(); }));
  const auto worker = registry.resolve(parse_term(start).value());
  if (!worker) return worker.error();
  return to_text(worker->module) + " " + to_text(worker->argument) + " " + to_text(worker->name);
}

TEST(NativeFactories, GenServerStartLinkMeansTheCallbackModule) {
  EXPECT_EQ(resolved("{gen_server, start_link, [{local, c1}, 'Elixir.Counter', 7, []]}"), "'Elixir.Counter' 7 c1");
  EXPECT_EQ(resolved("{gen_server, start_link, ['Elixir.Counter', 7, []]}"), "'Elixir.Counter' 7 []");
}

TEST(NativeFactories, ElixirsGenServerTakesTheNameFromItsOptions) {
  EXPECT_EQ(resolved("{'Elixir.GenServer', start_link, ['Elixir.Counter', 7, [{timeout, 5}, {name, c1}]]}"), "'Elixir.Counter' 7 c1");
  EXPECT_EQ(resolved("{'Elixir.GenServer', start_link, ['Elixir.Counter', 7]}"), "'Elixir.Counter' 7 []");
}

TEST(NativeFactories, AModulesOwnStartLinkGetsItsArgumentsWithoutTheName) {
  EXPECT_EQ(resolved("{'Elixir.Counter', start_link, [7]}"), "'Elixir.Counter' 7 []");
  EXPECT_EQ(resolved("{'Elixir.Counter', start_link, []}"), "'Elixir.Counter' [] []");
  EXPECT_EQ(resolved("{'Elixir.Counter', start_link, [{local, c1}, 7, 8]}"), "'Elixir.Counter' [7,8] c1");
  EXPECT_EQ(resolved("{'Elixir.Counter', start_link, [7, [{name, c1}]]}"), "'Elixir.Counter' 7 c1");
  EXPECT_EQ(resolved("{'Elixir.Counter', start_link, [[{name, c1}, {from, 3}]]}"), "'Elixir.Counter' [{name,c1},{from,3}] c1");
}

TEST(NativeFactories, AFunctionMayHaveAFactoryOfItsOwn) {
  EXPECT_EQ(resolved("{engine, open, [gpu]}"), "engine gpu []");
}

TEST(NativeFactories, WhatCannotBeStartedIsRefusedWithItsNameAndWhatCanBe) {
  EXPECT_EQ(resolved("{engine, close, [gpu]}"), "no native factory for {engine,close,1}; registered: Elixir.Counter engine:open");
  EXPECT_EQ(resolved("{gen_server, start_link, [nobody, 7, []]}"), "no native factory for nobody; registered: Elixir.Counter engine:open");
  for (const char* start : {"{gen_server, start_link, [{global, c}, 'Elixir.Counter', 7, []]}", "{gen_server, start_link, [7]}",
                            "{'Elixir.GenServer', start_link, ['Elixir.Counter', 7, [{name, {global, c}}]]}",
                            "{'Elixir.Counter', start_link, [{via, m, n}, 7]}"}) {
    EXPECT_EQ(resolved(start).substr(0, 37), "expected {local, Name} or name: with ") << start;
  }
  EXPECT_EQ(resolved("{engine, open}"), "expected {Module, Function, Arguments}, got {engine,open}");
}

}  // namespace
}  // namespace supervisorring
