%% A child that runs on a BEAM, and the supervisor module of such children.
%%
%% init/1 of the supervisor is given what it has to return. A child tells the process
%% registered as `witness', where there is one, when it starts and ends.
-module(beam_child).
-behaviour(gen_server).
-behaviour(dyn_child_handler).

-export([spec/1, spec/2, start_link/1, start_link/2, start_with/1, slow/2, starting_another/3]).
-export([witness/0, seen/0]).
-export([match/1, get_all/0, add/1, del/1, migrate/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

spec(Id) ->
    spec(Id, {?MODULE, start_link, [Id]}).

spec(Id, Start) ->
    {Id, Start, permanent, 2000, worker, [?MODULE]}.

start_link(Id) ->
    start_link(Id, #{}).

%% stop_ms: how long it takes to end.
start_link(Id, Options) ->
    gen_server:start_link({local, Id}, ?MODULE, {child, Id, Options}, []).

%% A start function with that result.
start_with(Fun) ->
    Fun().

%% Takes Ms to start.
slow(Id, Ms) ->
    start_link(Id, #{start_ms => Ms}).

%% Starts another child of its supervisor while it is being started itself.
starting_another(Id, Sup, Other) ->
    start_link(Id, #{another => {Sup, Other}}).

%% Witness: what children have told, oldest first.

witness() ->
    Pid = spawn(fun() -> register(witness, self()), witness([]) end),
    true = is_pid(Pid),
    timer:sleep(10).

witness(Seen) ->
    receive
        {saw, What} -> witness([What | Seen]);
        {seen, From} -> From ! {seen, lists:reverse(Seen)}, witness(Seen)
    end.

seen() ->
    witness ! {seen, self()},
    receive {seen, Seen} -> Seen end.

tell(What) ->
    catch witness ! {saw, What}.

%% The handler, whose list is a file that all nodes of a suite share, where its name stands in
%% the application's environment; else one of this node.

match(Id) -> Id =/= unmatched.

get_all() ->
    case file:read_file(file()) of
        {ok, Bytes} -> binary_to_term(Bytes);
        {error, enoent} -> []
    end.

add(Spec) ->
    write(lists:keystore(element(1, Spec), 1, get_all(), Spec)).

del(Id) ->
    write(lists:keydelete(Id, 1, get_all())).

write(Specs) ->
    New = file() ++ "." ++ os:getpid() ++ integer_to_list(erlang:unique_integer([positive])),
    ok = file:write_file(New, term_to_binary(Specs)),
    file:rename(New, file()).

file() ->
    application:get_env(supervisorring, children_file, "children_of_" ++ os:getpid()).

migrate({Id, _Type, _Modules}, Old, New) ->
    tell({migrated, Id}),
    gen_server:cast(New, {count, gen_server:call(Old, count)}).

%% The supervisor and its children

init({child, Id, Options}) ->
    process_flag(trap_exit, true),
    timer:sleep(maps:get(start_ms, Options, 0)),
    case Options of
        #{another := {Sup, Other}} -> {ok, _} = supervisor:start_child(Sup, spec(Other));
        #{} -> ok
    end,
    tell({started, Id}),
    {ok, Options#{id => Id, count => 0}};
init(Fun) when is_function(Fun, 0) ->
    Fun();
init(Returned) ->
    Returned.

handle_call(increment, _From, #{count := Count} = State) ->
    {reply, Count + 1, State#{count := Count + 1}};
handle_call(count, _From, #{count := Count} = State) ->
    {reply, Count, State};
handle_call({exit, Reason}, _From, _State) ->
    exit(Reason).

handle_cast({count, Count}, State) ->
    {noreply, State#{count := Count}}.

handle_info(_Message, State) ->
    {noreply, State}.

terminate(Reason, #{id := Id} = State) ->
    timer:sleep(maps:get(stop_ms, State, 0)),
    tell({ended, Id, Reason}).
