# The CSV of Google Benchmark, its medians only, as a table with the limit beside each figure that has one.
BEGIN {
  FS = ","
  limit["BM_RingBuild/1000"] = "<= 40 ms"
  limit["BM_RingJoin/999"] = "<= 1 ms"
  limit["BM_LookUpWithHash/256"] = "<= 120 ns"
  limit["BM_PlanRingChange/8"] = "<= 3 ms"
  text["BM_RingBuild"] = "ring of N members, made"
  text["BM_RingJoin"] = "one joins N members"
  text["BM_RingLeave"] = "one leaves N members"
  text["BM_LookUpWithHash"] = "look-up with its hash, N members"
  text["BM_PlanRingChange"] = "plan: one of N members, with 100,000 children, lost"
  text["BM_SameList"] = "the list of 100,000 children again, N of them new"
  text["BM_GossipMerge"] = "gossip decoded and merged, N members"
  text["BM_GossipEncode"] = "gossip encoded, N members"
  text["BM_GossipEncodeChanged"] = "the first one after a change, N members"
  text["term_decode_call"] = "decode a call"
  text["ei_decode_call"] = "decode a call by ei, no term built"
  text["term_encode_call"] = "encode a call"
  text["ei_encode_call"] = "encode a call by ei"
  text["term_decode_gossip_50"] = "decode a gossip of 50 members"
  text["term_encode_gossip_50"] = "encode a gossip of 50 members"
  text["term_compare_atoms"] = "compare two atoms"
  text["term_hash_call"] = "hash a call"
}
{ gsub(/"/, "", $1) }
$1 ~ /_median$/ {
  name = substr($1, 1, length($1) - 7)
  split(name, parts, "/")
  what = parts[1] in text ? text[parts[1]] : parts[1]
  sub(/ N /, " " parts[2] " ", what)
  sub(/, N /, ", " parts[2] " ", what)
  sub(/\/iterations:[0-9]+/, "", name)
  sub(/\/manual_time/, "", name)
  printf "%-52s %10.4g %s (%.4g)%s\n", what, $3, $5, $4, name in limit ? "   (to reach: " limit[name] ")" : ""
}
