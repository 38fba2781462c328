%% What a hostile or broken peer can do on the wire: one clear line each, and nobody else notices.
-module(wire_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([a_frame_over_the_limit_closes_with_one_line/1, a_truncated_term_closes_with_one_line/1,
         an_unknown_control_message_closes_with_one_line/1,
         garbage_after_the_handshake_closes_with_one_line/1,
         a_peer_with_too_few_flags_is_told_and_named/1, a_wrong_cookie_is_one_line/1,
         a_dripping_handshake_ends_at_the_deadline/1,
         many_unfinished_handshakes_keep_nobody_out/1, a_flood_of_connects_leaves_no_memory/1,
         a_hostile_length_takes_no_memory/1, a_nesting_without_end_is_refused/1,
         messages_of_strange_shape_harm_no_process/1, signals_for_nobody_harm_nobody/1,
         one_that_asks_and_never_reads_is_bounded/1]).

-import(ring_cluster, [in/2, eventually/2]).

-define(SUP, "'Elixir.MySup'=my_sup@").
-define(LIMIT, (64 bsl 20)).
%% Below the 5 s of gen_server:call/2, far above a round trip on a slow machine.
-define(AT_ONCE_MS, 4000).

all() ->
    [a_frame_over_the_limit_closes_with_one_line, a_truncated_term_closes_with_one_line,
     an_unknown_control_message_closes_with_one_line,
     garbage_after_the_handshake_closes_with_one_line,
     a_peer_with_too_few_flags_is_told_and_named, a_wrong_cookie_is_one_line,
     a_dripping_handshake_ends_at_the_deadline, many_unfinished_handshakes_keep_nobody_out,
     a_flood_of_connects_leaves_no_memory, a_hostile_length_takes_no_memory,
     a_nesting_without_end_is_refused, messages_of_strange_shape_harm_no_process,
     signals_for_nobody_harm_nobody, one_that_asks_and_never_reads_is_bounded].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    #{node := DevNode} = Dev = ring_cluster:start_beam("dev"),
    Program = ring_cluster:start_ringnode("target", ["--supervisor", ?SUP ++ atom_to_list(DevNode)]),
    [{dev, Dev}, {program, Program} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

%% After the handshake

a_frame_over_the_limit_closes_with_one_line(Config) ->
    closes_with_one_line(Config, 'big@127.0.0.1', <<(?LIMIT + 1):32>>,
                         "frame of 67108865 bytes, the limit is 67108864").

a_truncated_term_closes_with_one_line(Config) ->
    <<Cut:20/binary, _/binary>> = term_to_binary({6, self(), '', rex}),
    closes_with_one_line(Config, 'cut@127.0.0.1', [<<21:32, 112>>, Cut], "bad message").

an_unknown_control_message_closes_with_one_line(Config) ->
    closes_with_one_line(Config, 'unknown@127.0.0.1', raw_peer:frame({77, a, b}), "77").

garbage_after_the_handshake_closes_with_one_line(Config) ->
    closes_with_one_line(Config, 'garbage@127.0.0.1', [<<100:32>>, binary:copy(<<200>>, 100)],
                         "bad message").

%% The connection closes, the log gained one warning or worse about that peer, others are served.
closes_with_one_line(Config, Self, Bytes, Why) ->
    Before = log_size(Config),
    Socket = raw_peer:up("target", Self),
    ok = raw_peer:send(Socket, Bytes),
    ?assert(raw_peer:closed(Socket, 5000)),
    Lines = eventually_logged(Config, Before, [atom_to_list(Self), Why]),
    ?assertMatch([_], Lines),
    is_well(Config).

%% The handshake

a_peer_with_too_few_flags_is_told_and_named(Config) ->
    Before = log_size(Config),
    Socket = raw_peer:connect("target"),
    %% All but UTF8_ATOMS and the flag that stands for it.
    Flags = raw_peer:all_flags() band (bnot (16#10000 bor 16#4000000)),
    ok = raw_peer:send_name(Socket, 'old@127.0.0.1', Flags),
    ?assertEqual({ok, <<12:16, "snot_allowed">>}, gen_tcp:recv(Socket, 14, 5000)),
    ?assert(raw_peer:closed(Socket, 5000)),
    ?assertMatch([_], eventually_logged(Config, Before, ["old@127.0.0.1", "UTF8_ATOMS"])).

a_wrong_cookie_is_one_line(Config) ->
    Before = log_size(Config),
    Socket = raw_peer:connect("target"),
    ok = raw_peer:send_name(Socket, 'thief@127.0.0.1', raw_peer:all_flags()),
    {ok, <<3:16, "sok", _/binary>>} = gen_tcp:recv(Socket, 5, 5000),
    ok = gen_tcp:send(Socket, raw_peer:packet([<<$r, 1:32>>, erlang:md5("guess")])),
    ?assert(raw_peer:closed(Socket, 5000)),
    Lines = eventually_logged(Config, Before, ["thief@127.0.0.1"]),
    ?assertMatch([_], [Line || Line <- Lines, string:find(Line, "wrong cookie") =/= nomatch]).

%% A byte every 200 ms: the deadline is that of the whole handshake.
a_dripping_handshake_ends_at_the_deadline(Config) ->
    Socket = raw_peer:connect("target"),
    Start = erlang:monotonic_time(millisecond),
    Dripper = spawn_link(fun() -> drip(Socket, binary:copy(<<0, 200, $N>>, 100)) end),
    is_well(Config),
    ?assert(raw_peer:closed(Socket, 15000)),
    ?assert(erlang:monotonic_time(millisecond) - Start < 9000),
    unlink(Dripper),
    exit(Dripper, kill).

drip(Socket, <<Byte, Rest/binary>>) ->
    _ = gen_tcp:send(Socket, <<Byte>>),
    timer:sleep(200),
    drip(Socket, Rest);
drip(_Socket, <<>>) ->
    ok.

%% More than are held at once. Those that have just come are served, whoever has been waiting longest goes.
many_unfinished_handshakes_keep_nobody_out(Config) ->
    Port = raw_peer:port_of("target"),
    Sockets = [begin
                   {ok, Socket} = gen_tcp:connect("127.0.0.1", Port, [binary, {active, false}]),
                   ok = gen_tcp:send(Socket, <<0, 40, $N>>),
                   Socket
               end || _ <- lists:seq(1, 600)],
    Late = raw_peer:up("target", 'late@127.0.0.1'),
    is_well(Config),
    ok = gen_tcp:close(Late),
    [gen_tcp:close(Socket) || Socket <- Sockets],
    is_well(Config).

a_flood_of_connects_leaves_no_memory(Config) ->
    Port = raw_peer:port_of("target"),
    is_well(Config),
    Flood = fun() ->
        [begin
             {ok, Socket} = gen_tcp:connect("127.0.0.1", Port, [binary, {active, false}, {linger, {true, 0}}]),
             ok = gen_tcp:close(Socket)
         end || _ <- lists:seq(1, 3000)]
    end,
    Flood(),
    is_well(Config),
    Before = rss_kib(Config),
    Flood(),
    is_well(Config),
    ?assert(rss_kib(Config) - Before < 8 * 1024),
    %% Strangers do not fill the disk either.
    ?assert(log_size(Config) < 1024 * 1024).

%% Sizes

a_hostile_length_takes_no_memory(Config) ->
    Before = rss_kib(Config),
    Sockets = [raw_peer:up("target", node_of("length", N)) || N <- lists:seq(1, 20)],
    [ok = raw_peer:send(Socket, <<?LIMIT:32, 112, 131>>) || Socket <- Sockets],
    is_well(Config),
    ?assert(rss_kib(Config) - Before < 16 * 1024),
    [gen_tcp:close(Socket) || Socket <- Sockets],
    %% A tuple of 2^32 - 1 elements, a binary, a big integer and a list of as many, in a few bytes.
    [begin
         Socket = raw_peer:up("target", node_of("arity", Tag)),
         Control = term_to_binary({6, raw_peer:pid(node_of("arity", Tag), 1), '', rex}),
         Body = [<<112>>, Control, <<131, Tag, 16#FFFFFFFF:32, 0, 0, 0>>],
         ok = raw_peer:send(Socket, [<<(iolist_size(Body)):32>>, Body]),
         ?assert(raw_peer:closed(Socket, 5000))
     end || Tag <- [105, 109, 111, 108, 116]],
    is_well(Config),
    ?assert(rss_kib(Config) - Before < 16 * 1024).

a_nesting_without_end_is_refused(Config) ->
    Self = 'deep@127.0.0.1',
    Socket = raw_peer:up("target", Self),
    Control = term_to_binary({6, raw_peer:pid(Self, 1), '', c1}),
    Body = [<<112>>, Control, <<131>>, binary:copy(<<104, 1>>, 2000000), <<106>>],
    ok = raw_peer:send(Socket, [<<(iolist_size(Body)):32>>, Body]),
    ?assert(raw_peer:closed(Socket, 10000)),
    is_well(Config).

%% Messages

%% Every registered name gets every shape that OTP's own behaviours understand, with the wrong things in it.
messages_of_strange_shape_harm_no_process(Config) ->
    #{node := Node} = proplists:get_value(program, Config),
    Names = on_dev(Config, fun() -> erpc:call(Node, erlang, registered, []) end),
    ?assert(length(Names) > 5),
    Self = 'strange@127.0.0.1',
    Socket = raw_peer:up("target", Self),
    Pid = raw_peer:pid(Self, 1),
    Ref = raw_peer:ref(Self, 1),
    Odd = [[], a, 1.5, 1 bsl 200, <<1:3>>, "text", [a | b], #{a => b}, {}, {a}, {reconcile}, {reconcile, a, b, c},
           {add_node, "x"}, {del_node, 7}, {gossip, [], []}, {supervisorring_peer, 1, 2}, {supervisorring_peer, Pid, {hello, a}},
           {start_child, x}, {get_handler, []}, {terminate_child, a}, which_children, {which_children, a}, {exec, a, b},
           {Ref, executed, x}, {'EXIT', Pid, boom}, {'DOWN', Ref, process, Pid, boom}, {nodedown, a}, {nodeup, "b"},
           {is_auth}, {call, a, b}, {call, a, b, c, d}, {cast, 1, 2, 3, 4}, {up_set, a}, get_up, {get_up, 1}, {ack, Pid},
           fun erlang:node/0],
    Wrapped = lists:append([[T, {'$gen_cast', T}, {'$gen_call', {Pid, Ref}, T}, {'$gen_call', {Pid, [alias | Ref]}, T},
                             {'$gen_call', Pid, T}, {'$gen_call', {a, b}, T}, {'$gen_call', T},
                             {system, {Pid, Ref}, T}, {system, T, get_state}, {Pid, T}] || T <- Odd]),
    Children = my_sup:ids(),
    [ok = raw_peer:send(Socket, [raw_peer:frame({6, Pid, '', Name}, Message) || Message <- Wrapped])
     || Name <- Names -- Children],
    is_well(Config),
    %% The children may have ended of what they do not know; the rest may not.
    ?assertEqual([], Names -- on_dev(Config, fun() -> erpc:call(Node, erlang, registered, []) end)),
    gen_tcp:close(Socket).

%% Links, monitors, exits and acknowledgements of processes and references that are not there.
signals_for_nobody_harm_nobody(Config) ->
    #{node := Node} = proplists:get_value(program, Config),
    Self = 'signals@127.0.0.1',
    Socket = raw_peer:up("target", Self),
    Own = raw_peer:pid(Self, 1),
    Ref = raw_peer:ref(Self, 1),
    Nobody = raw_peer:pid(Node, 100000),
    [Somebody | _] = on_dev(Config, fun() -> [erpc:call(Node, supervisorring, whereis, [my_sup:name(), c1])] end),
    [ok = raw_peer:send(Socket, raw_peer:frame(Control))
     || To <- [Nobody, Somebody, raw_peer:pid('third@127.0.0.1', 1)],
        Control <- [{1, Own, To}, {4, Own, To}, {35, 1, Own, To}, {36, 1, Own, To}, {3, Own, To, normal}, {3, To, Own, boom},
                    {19, Own, To, Ref}, {20, Own, To, Ref}, {20, Own, To, Ref}, {21, Own, To, Ref, boom}, {21, missing, To, Ref, boom},
                    {31, Ref, To, 3, To}, {31, Ref, To, 0, badarg}, {7, Own, To}, {8, Own, To, normal}, {1, To, Own}, {19, To, Own, Ref}]],
    [ok = raw_peer:send(Socket, raw_peer:frame({29, Ref, Own, Own, {erpc, execute_call, 4}, [monitor, link, {name, c1}, junk | Odd]}, [a, b, c, d]))
     || Odd <- [[], [{name, undefined}], [{name, "x"}]]],
    is_well(Config),
    ?assertEqual(Somebody, on_dev(Config, fun() -> erpc:call(Node, supervisorring, whereis, [my_sup:name(), c1]) end)),
    gen_tcp:close(Socket).

%% It asks for 1 MiB echoes and takes none of them: the program stops reading from it, and holds no more than its limit. Another caller is served
%% after each question, so that the child keeps up: one that does not has its mailbox's limit, and the program reads on.
one_that_asks_and_never_reads_is_bounded(Config) ->
    Before = rss_kib(Config),
    Self = 'deaf@127.0.0.1',
    Socket = raw_peer:up("target", Self),
    Pid = raw_peer:pid(Self, 1),
    ok = inet:setopts(Socket, [{send_timeout, 1000}]),
    Frame = raw_peer:frame({6, Pid, '', c1}, {'$gen_call', {Pid, raw_peer:ref(Self, 1)}, {echo, binary:copy(<<1>>, 1 bsl 20)}}),
    Sent = send_until_full(Config, Socket, Frame, 0),
    ?assert(Sent < 400),
    is_well(Config),
    ?assertMatch(Grown when Grown < 300 * 1024, rss_kib(Config) - Before),
    ok = gen_tcp:close(Socket),
    is_well(Config).

send_until_full(_Config, _Socket, _Frame, 400) -> 400;
send_until_full(Config, Socket, Frame, Sent) ->
    case raw_peer:send(Socket, Frame) of
        ok ->
            served(Config),
            send_until_full(Config, Socket, Frame, Sent + 1);
        {error, _} -> Sent
    end.

served(Config) ->
    #{node := Node} = proplists:get_value(program, Config),
    true = on_dev(Config, fun() -> is_integer(gen_server:call({c1, Node}, get, 30000)) end).

%% What all of them ask

%% A new connection, an old one and every child are served at once.
is_well(Config) ->
    #{node := Node} = proplists:get_value(program, Config),
    {Micros, pong} = on_dev(Config, fun() -> timer:tc(fun() -> net_adm:ping(Node) end) end),
    ?assert(Micros < ?AT_ONCE_MS * 1000),
    Fresh = raw_peer:up("target", 'fresh@127.0.0.1'),
    Pid = raw_peer:pid('fresh@127.0.0.1', 1),
    Ref = raw_peer:ref('fresh@127.0.0.1', 1),
    ok = raw_peer:send(Fresh, raw_peer:frame({6, Pid, '', net_kernel}, {'$gen_call', {Pid, Ref}, {is_auth, a}})),
    ?assertMatch({_, {Ref, yes}}, answer(Fresh, Ref)),
    ok = gen_tcp:close(Fresh),
    on_dev(Config, fun() ->
        ring_cluster:eventually(fun() -> [true = is_integer(gen_server:call({Id, Node}, get)) || Id <- my_sup:ids()], ok end,
                                ok, 15000)
    end).

%% What the program's processes send on their own account (hello, gossip) comes in between.
answer(Socket, Ref) ->
    case raw_peer:recv_frame(Socket, ?AT_ONCE_MS) of
        {error, _} = Error -> Error;
        {_, {Ref, _}} = Answer -> Answer;
        {_, _} -> answer(Socket, Ref)
    end.

node_of(Text, Number) ->
    list_to_atom(Text ++ integer_to_list(Number) ++ "@127.0.0.1").

on_dev(Config, Fun) ->
    in(proplists:get_value(dev, Config), Fun).

rss_kib(Config) ->
    #{os_pid := OsPid} = proplists:get_value(program, Config),
    {ok, Status} = file:read_file("/proc/" ++ integer_to_list(OsPid) ++ "/status"),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s+([0-9]+) kB", [{capture, all_but_first, list}]),
    ct:log("VmRSS ~s KiB", [KiB]),
    list_to_integer(KiB).

log_size(Config) ->
    byte_size(ring_cluster:log(proplists:get_value(program, Config))).

%% The lines logged after Before that have all of these parts, once there are some.
eventually_logged(Config, Before, Parts) ->
    Lines = fun() ->
        <<_:Before/binary, Text/binary>> = ring_cluster:log(proplists:get_value(program, Config)),
        [Line || Line <- string:lexemes(binary_to_list(Text), "\n"),
                 lists:all(fun(Part) -> string:find(Line, Part) =/= nomatch end, Parts)]
    end,
    eventually(fun() -> Lines() =/= [] end, 5000),
    Lines().
