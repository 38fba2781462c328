// Orders: what members were told by their operators, drain, cordon or uncordon, and have agreed to. What the checkers go by, beside the members that are up.
//
// It counts as cnode/node/draining.h says: until the member starts again, or says itself that it is over since somebody places by all members.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace supervisorring::sim {

class Orders {
 public:
  void drained(const std::string& name) { told_[name] = {}; }
  // Of one that was not cordoned: `keeps`, the children that belonged to it at that moment. Otherwise it keeps what it kept.
  void cordoned(const std::string& name, std::set<std::string> keeps);
  void over(const std::string& name) { told_.erase(name); }

  bool is_cordoned(const std::string& name) const { return told_.contains(name) && told_.at(name).cordoned; }
  // Of those that are up, who own what a ring gives them: all but drained and cordoned ones; all, when all are.
  std::vector<std::string> placed(const std::vector<std::string>& up) const;
  // Who of them keep that child, by the order of their names.
  std::vector<std::string> keepers(const std::vector<std::string>& up, const std::string& id) const;
  // Two have kept it at once, after a partition: of these one may have taken it off its list since.
  bool disputed(const std::string& id) const { return disputed_.contains(id); }
  std::string text() const;  // for people; empty: nobody

 private:
  struct Told {
    bool cordoned = false;  // otherwise drained
    std::set<std::string> keeps;
  };
  std::map<std::string, Told> told_;
  std::set<std::string> disputed_;
};

}  // namespace supervisorring::sim
