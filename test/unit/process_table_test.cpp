#include "node/process_table.h"

#include "node/limits.h"
#include "node/timers.h"

namespace supervisorring {
namespace {

class Nothing : public Process {
  void handle_message(ProcessContext&, const Term&) override {}
};

TEST(ProcessTable, APidIsNotGivenAgainSoon) {
  Identity identity(atom("n@h"), 3);
  ProcessTable table(identity);
  const Term first = table.add(std::make_unique<Nothing>(), Term())->pid;
  table.remove(*table.find_pid(first));
  for (int i = 0; i < 100'000; ++i) {
    ProcessEntry* const entry = table.add(std::make_unique<Nothing>(), Term());
    ASSERT_FALSE(entry->pid == first);
    table.remove(*entry);
  }
  EXPECT_EQ(table.find_pid(first), nullptr);
  EXPECT_EQ(table.size(), 0u);
}

TEST(ProcessTable, APidOfAnotherCreationOrNodeIsNobody) {
  Identity identity(atom("n@h"), 3);
  ProcessTable table(identity);
  const Term pid = table.add(std::make_unique<Nothing>(), Term())->pid;
  EXPECT_NE(table.find_pid(pid), nullptr);
  EXPECT_EQ(table.find_pid(Term::pid(atom("n@h"), pid.pid_id(), pid.pid_serial(), 4)), nullptr);
  EXPECT_EQ(table.find_pid(Term::pid(atom("m@h"), pid.pid_id(), pid.pid_serial(), 3)), nullptr);
  EXPECT_EQ(table.find_pid(Term::pid(atom("n@h"), 0xFFFFFFFF, 0xFFFFFFFF, 3)), nullptr);
}

TEST(ProcessTable, IdAndSerialStayWithinWhatEveryOtpReads) {
  const Identity identity(atom("n@h"), 3);
  const PidNumber last = (1u << kPidNumberBits) - 1;
  const Term pid = identity.pid(last);
  EXPECT_LT(pid.pid_id(), 1u << 15);
  EXPECT_LT(pid.pid_serial(), 1u << 13);
  EXPECT_EQ(identity.number_of(pid), last);
}

TEST(ProcessTable, AFullTableRefuses) {
  Identity identity(atom("n@h"), 3);
  ProcessTable table(identity);
  for (std::size_t i = 0; i < kMaxProcesses; ++i) ASSERT_NE(table.add(nullptr, Term()), nullptr);
  EXPECT_EQ(table.add(nullptr, Term()), nullptr);
}

TEST(Identity, AReferenceOfThisLifeIsKnownByItsKeyAndKind) {
  Identity identity(atom("n@h"), 3);
  const Term plain = identity.make_ref(RefKind::plain);
  const Term call = identity.make_ref(RefKind::call);
  EXPECT_FALSE(identity.is_call_ref(plain));
  EXPECT_TRUE(identity.is_call_ref(call));
  EXPECT_EQ(identity.ref_of(*identity.key_of(call), RefKind::call), call);
  EXPECT_FALSE(Identity(atom("n@h"), 4).key_of(call));
}

TEST(Timers, CancelledOnesDoNotKeepTheirPlacesForEver) {
  Timers timers;
  const Instant start{};
  for (RefKey id = 1; id <= 100'000; ++id) {
    timers.set(id, start + std::chrono::seconds(5), {TimerKind::message, 1, 0, Term(), Term()});
    if (id % 1000 != 0) {
      EXPECT_TRUE(timers.cancel(id));
    }
  }
  EXPECT_EQ(timers.size(), 100u);
  EXPECT_EQ(timers.next(), start + std::chrono::seconds(5));
  EXPECT_FALSE(timers.take_due(start));
  int fired = 0;
  while (timers.take_due(start + std::chrono::seconds(5))) ++fired;
  EXPECT_EQ(fired, 100);
  EXPECT_FALSE(timers.next());
}

}  // namespace
}  // namespace supervisorring
