%% Members on hosts that are cut from each other and healed: C nodes, and BEAMs with the program beside them.
%%
%% Each side runs all children while it is alone; after the heal each runs once, on its owner. Where there is neither root nor
%% iproute2 no host can be cut off, and the suite is skipped, with that reason.
-module(partition_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([one_from_one/1, one_from_two/1, two_that_both_hear_the_third/1, beams_one_from_two/1, beams_that_otp_cuts_apart/1,
         a_c_node_among_legacy_members/1, one_that_was_stopped_for_ten_seconds/1,
         beams_bring_two_copies_together/1, a_minority_under_quorum/1, a_minority_of_beams_under_quorum/1]).

-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.MySup').
%% A silent host is given up after as many rounds of gossip as there are members, at most.
-define(SEEN_MS, 60000).

suite() ->
    [{timetrap, {seconds, 180}}].

all() ->
    [one_from_one, one_from_two, two_that_both_hear_the_third, beams_one_from_two, beams_that_otp_cuts_apart,
     a_c_node_among_legacy_members, one_that_was_stopped_for_ten_seconds,
     beams_bring_two_copies_together, a_minority_under_quorum, a_minority_of_beams_under_quorum].

init_per_suite(Config) ->
    case netns:up(3) of
        {ok, Net} ->
            ring_cluster:start(proplists:get_value(priv_dir, Config)),
            [_ = enter(Net, I, "epmd", ["epmd", "-port", integer_to_list(ring_cluster:epmd_port())]) || I <- [1, 2, 3]],
            [{net, Net} | Config];
        {error, Why} ->
            {skip, "hosts that can be cut off need root and iproute2: " ++ Why}
    end.

end_per_suite(Config) ->
    ring_cluster:stop(),
    netns:down(proplists:get_value(net, Config)).

init_per_testcase(_Case, Config) ->
    [{mark, ring_cluster:mark()} | Config].

end_per_testcase(_Case, Config) ->
    Net = proplists:get_value(net, Config),
    [catch netns:heal(Net, I, J) || {I, J} <- [{1, 2}, {1, 3}, {2, 3}]],
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

enter(Net, I, Name, [Command | Args]) ->
    #{enter := [Enter | Into]} = netns:site(Net, I),
    ring_cluster:run(Name ++ integer_to_list(I), os:find_executable(Enter), Into ++ [os:find_executable(Command) | Args]).

%% C nodes

one_from_one(Config) ->
    Members = programs(Config, [1, 2]),
    divided(Config, Members, [{1, 2}], [[1], [2]]).

one_from_two(Config) ->
    Members = programs(Config, [1, 2, 3]),
    divided(Config, Members, [{1, 2}, {1, 3}], [[1], [2, 3]]).

%% 1 and 2 do not hear each other, 3 hears both: whatever they make of it, no child is without a copy for good, and it heals.
two_that_both_hear_the_third(Config) ->
    Net = proplists:get_value(net, Config),
    Members = programs(Config, [1, 2, 3]),
    settled(Members),
    netns:cut(Net, 1, 2),
    timer:sleep(10000),
    eventually(fun() -> homeless(Members) end, [], ?SEEN_MS),
    netns:heal(Net, 1, 2),
    settled(Members).

%% Cuts, lets each side find out, and heals. Every child is counted on while the sides are apart; a copy of it keeps its count.
divided(Config, Members, Cuts, Sides) ->
    Net = proplists:get_value(net, Config),
    settled(Members),
    Owners = owners(Members),
    [set(Members, Id, 100) || Id <- ids(Members)],
    [netns:cut(Net, I, J) || {I, J} <- Cuts],
    Parts = [[Member || #{host := I} = Member <- Members, lists:member(I, Side)] || Side <- Sides],
    timed("cut, until each side runs all children", fun() -> [settled(Part) || Part <- Parts] end),
    [set(Part, Id, 200) || Part <- Parts, Id <- ids(Part)],
    [netns:heal(Net, I, J) || {I, J} <- Cuts],
    timed("healed, until each child runs once", fun() -> settled(Members) end),
    ?assertEqual(Owners, owners(Members)),
    ?assertEqual([{Id, 200} || Id <- ids(Members)], [{Id, get(Members, Id)} || Id <- ids(Members)]).

%% What the two copies of a child were given apart is brought together by conflict/3, which hears of both.
beams_bring_two_copies_together(Config) ->
    Net = proplists:get_value(net, Config),
    Members = beams(Config, [1, 2], ["-kernel", "prevent_overlapping_partitions", "false"], #{sup_module => conflict_sup}),
    settled(Members),
    netns:cut(Net, 1, 2),
    [settled([Member]) || Member <- Members],
    [set([Member], Id, Count) || {Member, Count} <- lists:zip(Members, [100, 1000]), Id <- ids(Members)],
    netns:heal(Net, 1, 2),
    settled(Members),
    ?assertEqual([{Id, 1100} || Id <- ids(Members)], [{Id, get(Members, Id)} || Id <- ids(Members)]).

a_minority_under_quorum(Config) ->
    minority_stops(Config, programs(Config, [1, 2, 3], ["--partitions", "quorum"])).

a_minority_of_beams_under_quorum(Config) ->
    minority_stops(Config, beams(Config, [1, 2, 3], ["-kernel", "prevent_overlapping_partitions", "false"], #{partitions => quorum})).

%% The first is cut from the others: they run everything, it runs nothing and says why.
minority_stops(Config, [#{ask := Ask, node := Node, sup := Sup} = First | Others] = Members) ->
    Net = proplists:get_value(net, Config),
    settled(Members),
    [netns:cut(Net, 1, J) || J <- [2, 3]],
    timed("cut, until the others run all children", fun() -> settled(Others) end),
    eventually(fun() -> [Id || Id <- ids(Members), copies([First], Id) =/= []] end, [], ?SEEN_MS),
    Spec = {new, {gen_server, start_link, [counter, [], []]}, permanent, 1000, worker, []},
    ?assertMatch({error, {minority, [Node], [_, _, _]}}, in(Ask, fun() -> supervisor:start_child({Sup, Node}, Spec) end)),
    ?assertMatch({error, {minority, [Node], [_, _, _]}}, exec(First, hd(ids(Members)))),
    [#{node := Other} | _] = Others,
    ?assertMatch({error, {minority, [Node], [_, _, _]}}, in(Ask, fun() -> erpc:call(Node, 'Elixir.NanoRing', del_node, [atom_to_binary(Other)]) end)),
    [netns:heal(Net, 1, J) || J <- [2, 3]],
    timed("healed, until each child runs once", fun() -> settled(Members) end),
    ?assertMatch([_, _, _], in(Ask, fun() -> maps:get(members, erpc:call(Node, supervisorring, status, [])) end)).

exec(#{ask := Ask, node := Node, sup := Sup}, Id) ->
    in(Ask, fun() -> erpc:call(Node, supervisorring, exec, [Sup, Id, fun erlang:node/0]) end).

timed(What, Fun) ->
    {Took, _} = timer:tc(Fun),
    ct:pal("~ts: ~.1f s", [What, Took / 1.0e6]).

%% SIGSTOP: the others run its children meanwhile; when it goes on it takes nobody for gone, and its children come home.
one_that_was_stopped_for_ten_seconds(Config) ->
    [_, _, #{program := Third}] = Members = programs(Config, [1, 2, 3]),
    settled(Members),
    ring_cluster:signal(Third, "STOP"),
    Stopped = erlang:monotonic_time(millisecond),
    Others = lists:droplast(Members),
    timed("stopped, until the others run all children", fun() -> settled(Others) end),
    [set(Others, Id, 300) || Id <- ids(Others)],
    timer:sleep(max(0, Stopped + 10000 - erlang:monotonic_time(millisecond))),
    Before = byte_size(ring_cluster:log(Third)),
    ring_cluster:signal(Third, "CONT"),
    timed("goes on, until each child runs once", fun() -> settled(Members) end),
    <<_:Before/binary, Since/binary>> = ring_cluster:log(Third),
    ?assertEqual([], [Line || Line <- string:lexemes(Since, "\n"), string:find(Line, "up: -") =/= nomatch]),
    ?assertEqual([{Id, 300} || Id <- ids(Members)], [{Id, get(Members, Id)} || Id <- ids(Members)]).

%% BEAMs with the program beside them

%% As OTP's documentation tells those who want a mesh of their own.
beams_one_from_two(Config) ->
    Members = beams(Config, [1, 2, 3], ["-kernel", "prevent_overlapping_partitions", "false"]),
    divided(Config, Members, [{1, 2}, {1, 3}], [[1], [2, 3]]).

%% By default OTP's global cuts more than the network does; the heal is what is shown.
beams_that_otp_cuts_apart(Config) ->
    Net = proplists:get_value(net, Config),
    Members = beams(Config, [1, 2, 3], ["-kernel", "net_ticktime", "4"]),
    settled(Members),
    netns:cut(Net, 1, 2),
    eventually(fun() -> homeless(Members) end, [], ?SEEN_MS),
    timer:sleep(7000),
    netns:heal(Net, 1, 2),
    settled(Members).

%% Legacy members do not look for each other; the C node finds both again. A child manager of theirs waits without limit for a
%% member that is silent: until OTP closes that connection, here after some seconds instead of a minute.
a_c_node_among_legacy_members(Config) ->
    Net = proplists:get_value(net, Config),
    _ = file:delete(ring_cluster:children_file()),
    [#{node := L1} | _] = Legacy = legacy(Net, [1, 2]),
    Asked = ring_cluster:start_beam({"ask", netns:site(Net, 3)}, ["-hidden"]),
    Program = program(Net, 3, "'Elixir.MixedSup'='Elixir.MixedSup'@" ++ atom_to_list(L1), [L1], Asked),
    #{sup := Sup, ids := Ids} = hd(Legacy),
    Members = Legacy ++ [Program#{sup := Sup, ids := Ids}],
    settled(Members),
    [netns:cut(Net, 1, J) || J <- [2, 3]],
    timed("cut, until each side runs all children", fun() -> settled([hd(Legacy)]), settled(tl(Members)) end),
    [netns:heal(Net, 1, J) || J <- [2, 3]],
    timed("healed, until each child runs once", fun() -> settled(Members) end).

legacy(Net, Hosts) ->
    Seed = netns:node_name(Net, "legacy1", hd(Hosts)),
    [begin
         Name = "legacy" ++ integer_to_list(I),
         file:del_dir_r(ring_cluster:data_dir(Name)),
         Others = [Seed || I =/= hd(Hosts)],
         #{node := Node} = Beam = ring_cluster:start_legacy({Name, netns:site(Net, I)}, Others, ["-kernel", "prevent_overlapping_partitions", "false", "net_ticktime", "8"]),
         {Sup, Ids} = in(Beam, fun() -> {ok, _} = 'Elixir.MixedSup':start(), {'Elixir.MixedSup', 'Elixir.MixedSup':ids()} end),
         #{host => I, node => Node, ask => Beam, sup => Sup, ids => Ids}
     end || I <- Hosts].

%% Members. Each has a BEAM on its host by which it is asked: a C node one that is no member, a drop-in member its own.

programs(Config, Hosts) ->
    programs(Config, Hosts, []).

programs(Config, Hosts, Options) ->
    Net = proplists:get_value(net, Config),
    [program(Net, I, hd(Hosts), Options) || I <- Hosts].

program(Net, I, First, Options) ->
    Asked = ring_cluster:start_beam({"ask", netns:site(Net, I)}, ["-hidden"]),
    #{node := Ask} = Asked,
    program(Net, I, "'Elixir.MySup'=my_sup@" ++ atom_to_list(Ask), [netns:node_name(Net, "cpp", First) || I =/= First], Asked, Options).

program(Net, I, Supervisor, Join, Asked) ->
    program(Net, I, Supervisor, Join, Asked, []).

program(Net, I, Supervisor, Join, Asked, Options) ->
    Node = netns:node_name(Net, "cpp", I),
    Name = "cpp_" ++ integer_to_list(I),
    file:del_dir_r(ring_cluster:data_dir(Name)),
    ["run", "--name", _ | Args] = ring_cluster:run_args(Name),
    Program = enter(Net, I, "cpp", [ring_cluster:executable(), "run", "--name", atom_to_list(Node) | without_listen(Args)]
              ++ Options ++ ["--supervisor", Supervisor] ++ [Option || To <- Join, Option <- ["--join", atom_to_list(To)]]),
    #{host => I, node => Node, ask => Asked, program => Program, sup => ?SUP, ids => my_sup:ids()}.

without_listen(["--listen", _ | Args]) -> Args;
without_listen([Arg | Args]) -> [Arg | without_listen(Args)].

beams(Config, Hosts, Args) ->
    beams(Config, Hosts, Args, #{}).

beams(Config, Hosts, Args, More) ->
    Net = proplists:get_value(net, Config),
    [begin
         Name = "beam" ++ integer_to_list(I),
         file:del_dir_r(ring_cluster:data_dir(Name)),
         Join = [netns:node_name(Net, "beam" ++ integer_to_list(hd(Hosts)), hd(Hosts)) || I =/= hd(Hosts)],
         Module = maps:get(sup_module, More, my_sup),
         Env = (maps:remove(sup_module, More))#{join => Join, workers => [filename:join([ring_cluster:root(), "priv", "libcounter.so"])]},
         #{node := Node} = Beam = ring_cluster:start_dropin({Name, netns:site(Net, I)}, Env, Args),
         in(Beam, fun() ->
             spawn(fun() ->
                 {ok, _} = supervisorring:start_link({local, ?SUP}, Module, []),
                 receive after infinity -> ok end
             end)
         end),
         #{host => I, node => Node, ask => Beam, sup => ?SUP, ids => my_sup:ids()}
     end || I <- Hosts].

%% All of them, and nobody else, are up for each, and every child runs once, on its owner.
settled(Members) ->
    Nodes = lists:sort([Node || #{node := Node} <- Members]),
    eventually(fun() -> [in(Ask, fun() -> ring_view:up(Node) end) || #{ask := Ask, node := Node} <- Members] end,
               [Nodes || _ <- Members], ?SEEN_MS),
    %% A legacy member's child manager hears of the ring later than its NanoRing: what it says is asked for each time.
    eventually(fun() -> [{Id, Runs, Owner} || {Id, Owner} <- owners(Members), Runs <- [copies(Members, Id)], Runs =/= Owner] end, [], ?SEEN_MS).

owners([#{ask := Ask, node := Node, sup := Sup} | _] = Members) ->
    Ids = ids(Members),
    in(Ask, fun() -> [{Id, [ring_view:owner(Node, Sup, Id)]} || Id <- Ids] end).

ids([#{ids := Ids} | _]) -> Ids.

homeless(Members) ->
    [Id || Id <- ids(Members), copies(Members, Id) =:= []].

%% The members on which it runs, each asked on its own host.
copies(Members, Id) ->
    [Node || #{ask := Ask, node := Node, sup := Sup} <- Members,
             in(Ask, fun() -> [1 || {Of, Pid, _, _} <- supervisor:which_children({Sup, Node}), Of =:= Id, is_pid(Pid)] end) =/= []].

%% On the one among them that runs it.
get(Members, Id) ->
    #{ask := Ask, node := Node} = runner(Members, Id),
    in(Ask, fun() -> gen_server:call({Id, Node}, get) end).

set(Members, Id, Count) ->
    #{ask := Ask, node := Node} = runner(Members, Id),
    Count = in(Ask, fun() -> gen_server:cast({Id, Node}, {set, Count}), gen_server:call({Id, Node}, get) end).

runner(Members, Id) ->
    [Node | _] = copies(Members, Id),
    hd([Member || #{node := Of} = Member <- Members, Of =:= Node]).
