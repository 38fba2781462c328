// What the BEAM tells its program first.
#include "port_fixture.h"

namespace supervisorring {
namespace {

using PortAttachTest = PortFixture;

TEST_F(PortAttachTest, EverythingThatIsToldIsRead) {
  attach_map["generation"] = integer(3);
  attach_map["connected"] = T("[a@h, c@h]");
  attach_map["join"] = T("[a@h]");
  attach_map["kept"] = T("[{{handler, s, h}, []}]");
  attach_map["data_dir"] = T("<<\"/tmp/x\">>");
  attach_map["supervisors"] = T("[#{name => s, module => m, args => [1], flags => {one_for_one, 1, 5}, specs => [], global => '$1', local => '$2', manager => '$3',"
                                " children => [#{id => c1, spec => x, pid => '$4', token => 7, request => '$5', seq => 1, exited => boom}, #{id => c2, spec => y, pid => undefined, token => 8, request => none}]}]",
                                pid(10), pid(11), pid(12), pid(13), ref(1));
  const auto attach = parse_port_attach(attach_term());
  ASSERT_TRUE(attach) << attach.error();
  EXPECT_EQ(attach->node, atom("b@h"));
  EXPECT_EQ(attach->generation, 3u);
  EXPECT_EQ(attach->connected.size(), 2u);
  EXPECT_EQ(attach->join, std::vector<Term>{atom("a@h")});
  EXPECT_EQ(attach->kept[0].first, T("{handler, s, h}"));
  EXPECT_EQ(attach->data_dir, "/tmp/x");
  EXPECT_TRUE(attach->elixir);
  ASSERT_EQ(attach->supervisors.size(), 1u);
  const PortSupervisor& sup = attach->supervisors[0];
  EXPECT_EQ(sup.local, pid(11));
  ASSERT_EQ(sup.children.size(), 2u);
  EXPECT_EQ(sup.children[0].exited, atom("boom"));
  EXPECT_EQ(sup.children[0].request, ref(1));
  EXPECT_TRUE(sup.children[1].pid.is_nil());
  EXPECT_EQ(sup.children[1].token, 8u);
  EXPECT_TRUE(sup.children[1].request.is_nil());
}

TEST_F(PortAttachTest, AnotherVersionIsRefusedByItsNumber) {
  const auto attach = parse_port_attach(T("{attach, 2, #{}}"));
  ASSERT_FALSE(attach);
  EXPECT_EQ(attach.error(), "the application speaks version 2 of the port and this program version 1");
}

TEST_F(PortAttachTest, EachKeyThatIsMissingOrMalformedIsOneLine) {
  for (const auto& [key, value] : attach_map) {
    if (key == "lease_ms" || key == "data_dir") continue;
    const Term before = value;
    for (const Term& bad : {Term::real(1.5), T("[x | y]"), T("{}")}) {
      attach_map[key] = bad;
      const auto attach = parse_port_attach(attach_term());
      ASSERT_FALSE(attach) << key;
      EXPECT_EQ(attach.error().find('\n'), std::string::npos);
    }
    attach_map[key] = before;
  }
}

TEST_F(PortAttachTest, AChildNeedsAPidOrAToken) {
  attach_map["supervisors"] = T("[#{name => s, module => m, args => [], flags => x, specs => [], global => '$1', local => '$1', manager => '$1', children => [#{id => a, spec => b, pid => undefined}]}]", pid(1));
  EXPECT_FALSE(parse_port_attach(attach_term()));
}

}  // namespace
}  // namespace supervisorring
