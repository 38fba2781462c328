%% Starts and stops what the suites run against: an epmd of their own, real programs
%% (ringnode), legacy members and BEAM nodes, all on 127.0.0.1.
%%
%% One process, registered as ring_cluster, owns every operating system process and every
%% peer that was started, so that stop/0 leaves none behind. The node that runs the suites
%% is not distributed; what has to happen on a distributed node is done by in/2.
-module(ring_cluster).
-behaviour(gen_server).

-export([start/1, stop/0, mark/0, stop_since/1]).
-export([start_epmd/0, stop_epmd/0, epmd_names/0, epmd_port/0]).
-export([start_ringnode/1, start_ringnode/2, run_ringnode/2, run/3, run_args/1, odd_workers/0, kill/1,
         signal/2, exit_status/1, await_exit/2, log/1, command/1, status/1]).
-export([start_beam/1, start_beam/2, start_legacy/1, start_legacy/2, start_legacy/3, start_dropin/2, start_dropin/3, stop_beam/1,
         in/2, in/3]).
-export([program_pid/0, is_ready/0, legacy_modules/1, outcome/1]).
-export([eventually/2, eventually/3, root/0, executable/0, node_name/1, cookie_file/0, data_dir/1,
         children_file/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-define(HOST, "127.0.0.1").
-define(COOKIE, "ring_cluster_cookie").
-define(IN_TIMEOUT_MS, 240000).
-define(PATIENCE, 4).

-type program() :: #{name := string(), node := node(), os_pid := pos_integer(),
                     port := port(), log := file:filename()}.
-type beam() :: #{peer := pid(), node := node()}.
%% Where a member runs that does not run on loopback: its host, and the command that enters the place (netns.erl).
-type site() :: #{host := string(), enter := [string()]}.
-type name() :: string() | {string(), site()}.
-export_type([program/0, beam/0, site/0]).

%% Dir holds the cookie file, the logs and the data directories.
-spec start(file:filename()) -> ok.
start(Dir) ->
    {ok, _} = gen_server:start({local, ?MODULE}, ?MODULE, Dir, []),
    ok = start_epmd().

-spec stop() -> ok.
stop() ->
    gen_server:stop(?MODULE, normal, 60000).

%% What has been started up to now; stop_since/1 ends what was started later.
-spec mark() -> {Programs :: non_neg_integer(), Peers :: non_neg_integer()}.
mark() ->
    {length(call(programs)), length(call(peers))}.

-spec stop_since({non_neg_integer(), non_neg_integer()}) -> ok.
stop_since({ProgramCount, PeerCount}) ->
    Programs = call(programs),
    Peers = call(peers),
    [kill(Program) || Program <- lists:sublist(Programs, length(Programs) - ProgramCount)],
    [catch peer:stop(Peer) || Peer <- lists:sublist(Peers, length(Peers) - PeerCount)],
    ok.

-spec start_epmd() -> ok.
start_epmd() ->
    Port = integer_to_list(epmd_port()),
    _ = call({start, "epmd", os:find_executable("epmd"), ["-address", ?HOST, "-port", Port]}),
    eventually(fun() -> is_list(epmd_names()) end, 5000).

-spec stop_epmd() -> ok.
stop_epmd() ->
    [Epmd | _] = [Program || #{name := "epmd"} = Program <- call(programs)],
    kill(Epmd).

-spec epmd_port() -> inet:port_number().
epmd_port() ->
    list_to_integer(os:getenv("ERL_EPMD_PORT")).

%% The names registered in epmd (NAMES_REQ), without their hosts.
-spec epmd_names() -> [string()] | {error, term()}.
epmd_names() ->
    case gen_tcp:connect(?HOST, epmd_port(), [binary, {active, false}], 1000) of
        {ok, Socket} ->
            ok = gen_tcp:send(Socket, <<1:16, $n>>),
            Answer = receive_all(Socket, <<>>),
            <<_Port:32, Lines/binary>> = Answer,
            [lists:nth(2, string:lexemes(Line, " "))
             || Line <- string:lexemes(binary_to_list(Lines), "\n")];
        {error, _} = Error ->
            Error
    end.

receive_all(Socket, Bytes) ->
    case gen_tcp:recv(Socket, 0, 2000) of
        {ok, More} -> receive_all(Socket, <<Bytes/binary, More/binary>>);
        {error, closed} -> Bytes
    end.

-spec start_ringnode(string()) -> program().
start_ringnode(Name) ->
    start_ringnode(Name, []).

%% Runs `ringnode run` with run_args/1 and Args; waits until its name stands in epmd.
-spec start_ringnode(string(), [string()]) -> program().
start_ringnode(Name, Args) ->
    Program = run_ringnode(Name, run_args(Name) ++ Args),
    eventually(fun() -> lists:member(Name, epmd_names()) orelse not_running(Program) end, 10000),
    Program.

%% The arguments that every program of a suite is run with.
-spec run_args(string()) -> [string()].
run_args(Name) ->
    ["run", "--name", atom_to_list(node_name(Name)), "--cookie-file", cookie_file(),
     "--data-dir", data_dir(Name), "--listen", ?HOST, "--workers", workers()].

%% Runs the program with exactly these arguments. Name names its log.
-spec run_ringnode(string(), [string()]) -> program().
run_ringnode(Name, Args) ->
    run(Name, executable(), Args).

%% The same with any program.
-spec run(string(), file:filename(), [string()]) -> program().
run(Name, Executable, Args) ->
    call({start, Name, Executable, Args}).

%% A shared object of the classes in odd_worker.cpp, compiled as a user would.
-spec odd_workers() -> file:filename().
odd_workers() ->
    Source = filename:join([root(), "test", "ct", "odd_worker.cpp"]),
    Object = filename:join(call(dir), "libodd_worker.so"),
    Include = filename:join([root(), "cnode", "include"]),
    Built = os:cmd(lists:join(" ", ["g++ -std=c++20 -shared -fPIC -I", Include, Source, "-o", Object, "2>&1"])),
    filelib:is_regular(Object) orelse error({not_built, Built}),
    Object.

-spec executable() -> file:filename().
executable() ->
    filename:join([root(), "priv", "ringnode"]).

%% SIGKILL, and waits for the end. Nothing for a program that has ended.
-spec kill(program()) -> ok.
kill(#{port := Port} = Program) ->
    case call({exit_status, Port}) of
        running ->
            signal(Program, "KILL"),
            _ = await_exit(Program, 10000),
            ok;
        _Ended ->
            ok
    end.

-spec signal(program(), Signal :: string()) -> ok.
signal(#{os_pid := OsPid}, Signal) ->
    "" = os:cmd("kill -" ++ Signal ++ " " ++ integer_to_list(OsPid)),
    ok.

%% 128 and the signal's number for a program that was killed.
-spec exit_status(program()) -> running | non_neg_integer().
exit_status(#{port := Port}) ->
    call({exit_status, Port}).

-spec await_exit(program(), timeout()) -> non_neg_integer().
await_exit(Program, TimeoutMs) ->
    eventually(fun() -> is_integer(exit_status(Program)) end, TimeoutMs),
    Status = exit_status(Program),
    ct:log("~p ended with ~p", [maps:get(name, Program), Status]),
    Status.

%% What the program has printed.
-spec log(program()) -> binary().
log(#{log := File}) ->
    {ok, Text} = file:read_file(File),
    Text.

%% Runs the program to its end: its exit status, and what it printed.
-spec command([string()]) -> {non_neg_integer(), binary()}.
command(Args) ->
    Program = run_ringnode("command", Args),
    Status = await_exit(Program, 20000),
    {Status, log(Program)}.

%% What `ringnode status` prints about a node.
-spec status(node()) -> string().
status(Node) ->
    {0, Text} = command(["status", "--name", atom_to_list(Node), "--cookie-file", cookie_file()]),
    binary_to_list(Text).

-spec start_beam(string()) -> beam().
start_beam(Name) ->
    start_beam(Name, []).

%% A BEAM node that has the suites' and the application's modules.
-spec start_beam(name(), [string()]) -> beam().
start_beam(Name, Args) ->
    start_peer(Name, [test_ebin(), shim_ebin()], Args).

start_peer({Name, #{host := Host, enter := [Enter | Into]}}, Dirs, Args) ->
    start_peer(Name, #{host => Host, exec => {os:find_executable(Enter), Into ++ [os:find_executable("erl")]}}, Dirs, Args);
start_peer(Name, Dirs, Args) ->
    start_peer(Name, #{host => ?HOST}, Dirs, Args).

start_peer(Name, Where, Dirs, Args) ->
    Paths = lists:append([["-pa", Dir] || Dir <- Dirs]),
    Cookie = case lists:member("-setcookie", Args) of
                 true -> [];
                 false -> ["-setcookie", ?COOKIE]
             end,
    {ok, Peer, Node} =
        peer:start(Where#{name => list_to_atom(Name), longnames => true,
                          connection => standard_io, wait_boot => 120000,
                          args => Cookie ++ Paths ++ Args}),
    call({peer, Peer}),
    #{peer => Peer, node => Node}.

-spec start_legacy(string()) -> beam().
start_legacy(Name) ->
    start_legacy(Name, []).

%% A legacy member, alone in its ring, with the given nodes added to it. It has its own module
%% supervisorring, so it does not get the application's.
-spec start_legacy(name(), Others :: [node()]) -> beam().
start_legacy(Name, Others) ->
    start_legacy(Name, Others, []).

-spec start_legacy(name(), Others :: [node()], Args :: [string()]) -> beam().
start_legacy(Name, Others, Args) ->
    {Application, Ebins} = legacy_application(),
    #{node := Node} = Beam = start_peer(Name, [test_ebin() | legacy_paths()] ++ Ebins, Args),
    DataDir = data_dir(short(Node)),
    Children = children_file(),
    ok = filelib:ensure_path(DataDir),
    {ok, _} = in(Beam, fun() ->
                           _ = application:load(nano_ring),  %% of the original, which has a data_dir of its own
                           ok = application:set_env(nano_ring, data_dir, list_to_binary(DataDir)),
                           ok = application:load(legacy),
                           ok = application:set_env(legacy, children_file, Children),
                           application:ensure_all_started(Application)
                       end),
    [ok = in(Beam, fun() -> 'Elixir.NanoRing':add_node(Other) end) || Other <- Others],
    Beam.

%% A BEAM node with Elixir and with the application, whose program is in priv. Env: of the
%% application; the data directory is that of a legacy member of this name.
-spec start_dropin(string(), #{atom() => term()}) -> beam().
start_dropin(Name, Env) ->
    start_dropin(Name, Env, []).

-spec start_dropin(name(), #{atom() => term()}, Args :: [string()]) -> beam().
start_dropin(Name, Env, Args) ->
    #{node := Node} = Beam = start_peer(Name, [test_ebin(), shim_ebin() | tl(legacy_paths())], Args),
    Full = maps:merge(#{program => executable(), data_dir => data_dir(short(Node))}, Env),
    {ok, _} = in(Beam, fun() ->
                           log_lines:start(),
                           _ = application:load(supervisorring),
                           [application:set_env(supervisorring, Key, Value) || {Key, Value} <- maps:to_list(Full)],
                           application:ensure_all_started(supervisorring)
                       end),
    Beam.

%% Makes modules of the legacy member's project known on a node that runs the application,
%% and with them its handler's file.
-spec legacy_modules(beam()) -> ok.
legacy_modules(Beam) ->
    Ebin = hd(legacy_paths()),
    Children = children_file(),
    in(Beam, fun() ->
                 [{module, Module} = code:load_abs(filename:join(Ebin, Module))
                  || Module <- ['Elixir.MixedSup', 'Elixir.Counter']],
                 application:set_env(legacy, children_file, Children)
             end).

%% On a node with the application: its program's operating system pid.
-spec program_pid() -> string().
program_pid() ->
    #{os_pid := OsPid} = supervisorring_port:program(),
    integer_to_list(OsPid).

%% On a node with the application: whether its program does its work.
-spec is_ready() -> boolean().
is_ready() ->
    maps:get(ready, supervisorring_port:program()).

-spec stop_beam(beam()) -> ok.
stop_beam(#{peer := Peer}) ->
    catch peer:stop(Peer),
    ok.

%% Runs Fun on the BEAM node.
-spec in(beam(), fun(() -> Result)) -> Result.
in(Beam, Fun) ->
    in(Beam, Fun, ?IN_TIMEOUT_MS).

-spec in(beam(), fun(() -> Result), timeout()) -> Result.
in(#{peer := Peer}, Fun, TimeoutMs) ->
    case peer:call(Peer, ?MODULE, outcome, [Fun], TimeoutMs) of
        {ok, Result} -> Result;
        {Class, Reason, Stack} -> raise(Class, Reason, Stack)
    end.

%% For in/3: peer:call/5 takes what a fun raises with arguments in its stack for a result.
-spec outcome(fun(() -> term())) -> {ok, term()} | {error | exit | throw, term(), list()}.
outcome(Fun) ->
    try {ok, Fun()}
    catch Class:Reason:Stack -> {Class, Reason, Stack}
    end.

raise(Class, Reason, Stack) ->
    _ = erlang:raise(Class, Reason, [{M, F, A, []} || {M, F, A, _} <- Stack, is_integer(A)]),
    error({Class, Reason, Stack}).

%% Waits until Fun() is true. TimeoutMs: within how long on a quiet machine; a slow or busy one gets ?PATIENCE times that.
-spec eventually(fun(() -> boolean()), timeout()) -> ok.
eventually(Fun, TimeoutMs) ->
    eventually(Fun, true, TimeoutMs).

%% Waits until Fun() is Expected; a Fun that fails has not answered yet.
-spec eventually(fun(() -> term()), Expected :: term(), timeout()) -> ok.
eventually(Fun, Expected, TimeoutMs) ->
    until(Fun, Expected, erlang:monotonic_time(millisecond) + ?PATIENCE * TimeoutMs).

until(Fun, Expected, Deadline) ->
    Last = try Fun() catch Class:Reason -> {Class, Reason} end,
    Now = erlang:monotonic_time(millisecond),
    if
        Last =:= Expected -> ok;
        Now >= Deadline -> error({expected, Expected, got, Last});
        true -> timer:sleep(50), until(Fun, Expected, Deadline)
    end.

short(Node) ->
    hd(string:lexemes(atom_to_list(Node), "@")).

-spec node_name(string()) -> node().
node_name(Name) ->
    list_to_atom(Name ++ "@" ++ ?HOST).

-spec cookie_file() -> file:filename().
cookie_file() ->
    filename:join(call(dir), "cookie").

-spec data_dir(string()) -> file:filename().
data_dir(Name) ->
    filename:join(call(dir), "data_" ++ Name).

%% Where legacy members keep the children that were added: one file for all of them.
-spec children_file() -> file:filename().
children_file() ->
    filename:join(call(dir), "legacy_children").

%% The repository: the folder above this module that has a rebar.config.
-spec root() -> file:filename().
root() ->
    root(test_ebin()).

root(Dir) ->
    case filelib:is_regular(filename:join(Dir, "rebar.config")) of
        true -> Dir;
        false when Dir =/= "/" -> root(filename:dirname(Dir))
    end.

workers() ->
    filename:join([root(), "priv", "libcounter.so"]).

test_ebin() ->
    filename:dirname(code:which(?MODULE)).

shim_ebin() ->
    filename:dirname(code:which(supervisorring)).

legacy_paths() ->
    case persistent_term:get(?MODULE, undefined) of
        undefined ->
            Paths = build_legacy(filename:join([root(), "test", "legacy"])),
            persistent_term:put(?MODULE, Paths),
            Paths;
        Paths ->
            Paths
    end.

%% LEGACY_EBINS=dir:dir, of nano_ring and supervisorring: these stand in for test/legacy's own modules.
legacy_application() ->
    case os:getenv("LEGACY_EBINS", "") of
        "" -> {legacy, []};
        Ebins -> {supervisorring, string:lexemes(Ebins, ":")}
    end.

build_legacy(Project) ->
    Built = os:cmd("cd '" ++ Project ++ "' && MIX_ENV=prod mix compile 2>&1"),
    Ebin = filename:join(Project, "_build/prod/lib/legacy/ebin"),
    filelib:is_dir(Ebin) orelse error({legacy_not_built, Built}),
    ElixirLib = os:cmd("elixir -e 'IO.write(:code.lib_dir(:elixir))'"),
    [Ebin | [filename:join([filename:dirname(ElixirLib), App, "ebin"])
             || App <- ["elixir", "logger"]]].

not_running(#{port := Port} = Program) ->
    is_integer(call({exit_status, Port})) andalso error({ended_at_start, log(Program)}).

call(Request) ->
    gen_server:call(?MODULE, Request, 30000).

%% The owner of the processes.

init(Dir) ->
    process_flag(trap_exit, true),
    Cookie = filename:join(Dir, "cookie"),
    ok = filelib:ensure_dir(Cookie),
    ok = file:write_file(Cookie, ?COOKIE),
    ok = file:change_mode(Cookie, 8#600),
    os:putenv("ERL_EPMD_PORT", integer_to_list(free_port())),
    {ok, #{dir => Dir, programs => [], ended => #{}, peers => []}}.

free_port() ->
    {ok, Socket} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Socket),
    ok = gen_tcp:close(Socket),
    Port.

handle_call(dir, _From, #{dir := Dir} = State) ->
    {reply, Dir, State};
handle_call({start, Name, Executable, Args}, _From, State) ->
    {Program, State1} = start_program(Name, Executable, Args, State),
    {reply, Program, State1};
handle_call(programs, _From, #{programs := Programs} = State) ->
    {reply, Programs, State};
handle_call(peers, _From, #{peers := Peers} = State) ->
    {reply, Peers, State};
handle_call({exit_status, Port}, _From, #{ended := Ended} = State) ->
    {reply, maps:get(Port, Ended, running), State};
handle_call({peer, Peer}, _From, #{peers := Peers} = State) ->
    {reply, ok, State#{peers := [Peer | Peers]}}.

handle_cast(_Message, State) ->
    {noreply, State}.

handle_info({Port, {data, Text}}, #{programs := Programs} = State) ->
    [#{log := Log}] = [Program || #{port := Of} = Program <- Programs, Of =:= Port],
    ok = file:write_file(Log, Text, [append]),
    {noreply, State};
handle_info({Port, {exit_status, Status}}, #{ended := Ended} = State) ->
    {noreply, State#{ended := Ended#{Port => Status}}};
handle_info({'EXIT', _Port, _Reason}, State) ->
    {noreply, State}.

terminate(_Reason, #{programs := Programs, ended := Ended, peers := Peers}) ->
    [catch peer:stop(Peer) || Peer <- Peers],
    [signal(Program, "KILL") || #{port := Port} = Program <- Programs,
                                not is_map_key(Port, Ended)],
    ok.

%% Where there is a setpriv the program ends with this VM, however that ends.
start_program(Name, Executable, Args, #{dir := Dir, programs := Programs} = State) ->
    {Command, CommandArgs} =
        case os:find_executable("setpriv") of
            false -> {Executable, Args};
            Setpriv -> {Setpriv, ["--pdeathsig", "KILL", Executable | Args]}
        end,
    Port = open_port({spawn_executable, Command},
                     [{args, CommandArgs}, binary, exit_status, stderr_to_stdout]),
    {os_pid, OsPid} = erlang:port_info(Port, os_pid),
    Log = filename:join(Dir, lists:concat([Name, "_", OsPid, ".log"])),
    ok = file:write_file(Log, []),
    Program = #{name => Name, node => node_name(Name), os_pid => OsPid, port => Port, log => Log},
    {Program, State#{programs := [Program | Programs]}}.
