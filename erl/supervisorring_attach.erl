%% What a program is told when it starts: its place, and what its predecessor left.
-module(supervisorring_attach).

-include("supervisorring.hrl").

-export([input/1, current/1]).

-define(VERSION, 1).

%% The first input of a life, and the tokens of the starts that are still under way.
-spec input(Generation :: pos_integer()) -> {Input :: tuple(), Inherited :: [integer()]}.
input(Generation) ->
    Children = [Child || #child{kind = keeper} = Child <- supervisorring_estate:children()],
    Attach = #{node => node(),
               otp => otp(),
               generation => Generation,
               lease_ms => supervisorring_config:lease_ms(),
               relays => relays(),
               connected => nodes(connected),
               kept => supervisorring_estate:kept(),
               supervisors => supervisors(Children),
               join => supervisorring_config:join(),
               data_dir => supervisorring_config:data_dir(),
               beam => #{elixir => code:ensure_loaded('Elixir.Supervisor') =:= {module, 'Elixir.Supervisor'}}},
    [supervisorring_estate:update_child(Key, [{#child.told, Generation}])
     || #child{key = Key, state = {exited, _}} <- Children],
    {{attach, ?VERSION, Attach}, [Token || #child{state = starting, token = Token} <- Children]}.

%% What was kept for the program, as it reads now: none when nobody waits for it any more.
-spec current(Input :: tuple()) -> tuple() | none.
current({supervisor, Sup}) ->
    case supervisorring_estate:supervisor(Sup) of
        %% Other members may have had children started already.
        #{} = Info -> {supervisor, describe(Info, supervisorring_estate:children(Sup))};
        undefined -> none
    end;
current({message, Relay, {'$gen_call', {Caller, _Tag}, _Request}} = Input)
  when is_pid(Caller), node(Caller) =:= node() ->
    case is_process_alive(Caller) andalso is_process_alive(Relay) of
        true -> Input;
        false -> none
    end;
current({message, Relay, _Message} = Input) ->
    case is_process_alive(Relay) of
        true -> Input;
        false -> none
    end;
current(Input) ->
    Input.

otp() ->
    case list_to_integer(erlang:system_info(otp_release)) of
        Release when Release >= 26 -> 26;
        _ -> 25
    end.

%% Atoms are written the new way from OTP 26 on.
relays() ->
    maps:from_list([{Role, Pid} || {Role, Name} <- [{nano_ring, 'Elixir.NanoRing'},
                                                    {super_sup, 'Elixir.Supervisorring.App.Sup.SuperSup'},
                                                    {peer, supervisorring_peer}],
                                   Pid <- [whereis(Name)], is_pid(Pid)]).

%% Those that the program has taken on; the others ask again.
supervisors(Children) ->
    BySup = lists:foldr(fun(#child{key = {Sup, _}} = Child, Acc) ->
                            maps:update_with(Sup, fun(Rest) -> [Child | Rest] end, [Child], Acc)
                        end, #{}, Children),
    [describe(Info, maps:get(Sup, BySup, []))
     || #{name := Sup, up := true} = Info <- supervisorring_estate:supervisors()].

describe(#{name := Sup} = Info, Children) ->
    Pids = maps:with([global, local, manager], Info),
    Known = maps:merge(supervisorring_estate:definition(Sup), Pids),
    Known#{name => Sup, children => [child(Child) || Child <- Children]}.

%% With its end or its failed start, where no program has taken note of it.
child(#child{key = {_, Id}, state = State, token = Token} = Child) ->
    Told = #{id => Id, spec => Child#child.spec, pid => Child#child.pid, token => Token,
             request => Child#child.request, seq => Child#child.seq},
    case State of
        {exited, Reason} -> Told#{exited => Reason};
        {failed, Reason} -> Told#{failed => Reason};
        _ -> Told
    end.
