%% The steps of a move of a child that runs on this BEAM, for its program, which has each done in
%% a process of its own: prepare/4, a start on the new owner, carry/9, moved/3, ended/2. What they
%% mean to callers: supervisorring_gate.
-module(supervisorring_move).

-export([prepare/4, carry/9, moved/3, ended/2]).
-export([tell_arrived/4]).

-define(GATE, supervisorring_gate).
-define(PEER_TIMEOUT_MS, 5000).
-define(ARRIVED_TRIES, 5).

%% Before a copy is started on the new owner; its gate is told where it has one. A copy that has not got
%% its state itself is not given away.
%% `again': this move was begun before, so a copy that runs there is its own.
-spec prepare(supervisorring:sup(), supervisorring:id(), node(), HasGate :: boolean()) -> ok | again.
prepare(Sup, Id, Target, HasGate) ->
    Ref = make_ref(),
    case gen_server:call(?GATE, {prepare, {Sup, Id}, case HasGate of true -> Target; false -> none end, Ref}) of
        {arriving_from, _} = Why -> exit(Why);
        Begun when HasGate ->
            ok = gen_server:call({?GATE, Target}, {arriving, {Sup, Id}, node(), Ref}, ?PEER_TIMEOUT_MS),
            Begun;
        Begun -> Begun
    end.

%% Module:migrate/3 when the open calls are answered; of a child that ran twice Module:conflict/3 where
%% there is one. A module need not have either.
-spec carry(supervisorring:sup(), supervisorring:id(), module(), migrate | conflict, Child :: tuple(), Old :: pid(),
            New :: pid(), DrainMs :: non_neg_integer(), MigrateMs :: non_neg_integer()) -> ok | {error, term()}.
carry(Sup, Id, Module, Function, Child, Old, New, DrainMs, MigrateMs) ->
    Key = {Sup, Id},
    ok = gen_server:call(?GATE, {hold, Key, DrainMs}, infinity),
    Result = migrate(Key, Module, Function, [Child, Old, New], MigrateMs),
    Result =:= ok orelse gen_server:call(?GATE, {unhold, Key}),
    Result.

%% What was held, and whoever comes, goes to the new copy.
-spec moved(supervisorring:sup(), supervisorring:id(), New :: pid()) -> ok.
moved(Sup, Id, New) ->
    gen_server:call(?GATE, {moved, {Sup, Id}, New}).

-spec ended(supervisorring:sup(), supervisorring:id()) -> ok.
ended(Sup, Id) ->
    gen_server:call(?GATE, {ended, {Sup, Id}}).

%% In a process that ends with the move: nothing of it may come when the child has been called again.
migrate(Key, Module, Function, Args, Timeout) ->
    {Pid, Monitor} = spawn_monitor(fun() -> receive go -> exit({migrated, outcome(Module, Function, Args)}) end end),
    gen_server:call(?GATE, {migrating, Key, Pid}),
    Pid ! go,
    receive
        {'DOWN', Monitor, process, Pid, {migrated, Outcome}} -> Outcome;
        {'DOWN', Monitor, process, Pid, Reason} -> {error, Reason}
    after Timeout ->
        exit(Pid, kill),
        receive {'DOWN', Monitor, process, Pid, _} -> {error, timeout} end
    end.

outcome(Module, Function, Args) ->
    try apply(Module, Function, Args) of
        _ -> ok
    catch
        error:undef:Stack ->
            case Stack of
                [{Module, Function, Args, _} | _] when Function =:= conflict -> outcome(Module, migrate, Args);
                [{Module, Function, Args, _} | _] -> ok;
                _ -> {error, {undef, Stack}}
            end;
        error:Reason:Stack -> {error, {Reason, Stack}};
        exit:Reason -> {error, Reason};
        throw:Thrown -> {error, {nocatch, Thrown}}
    end.

%% For the gate

%% The new owner's gate knows the move by its reference, and takes the casts once.
-spec tell_arrived(node(), supervisorring_tickets:key(), Move :: reference(), Casts :: [term()]) -> ok.
tell_arrived(Target, Key, Ref, Casts) ->
    tell_arrived(Target, Key, Ref, Casts, ?ARRIVED_TRIES).

tell_arrived(Target, Key, Ref, Casts, Tries) ->
    try
        gen_server:call({?GATE, Target}, {arrived, Key, Ref, Casts}, ?PEER_TIMEOUT_MS)
    catch
        exit:_ when Tries > 1 ->
            timer:sleep(200),
            tell_arrived(Target, Key, Ref, Casts, Tries - 1);
        exit:Why ->
            Casts =:= [] orelse
                logger:warning("supervisorring: ~b casts to ~tP are lost: its new owner ~tp does not answer: ~tP",
                               [length(Casts), Key, 10, Target, Why, 10], #{domain => [supervisorring]}),
            ok
    end.
