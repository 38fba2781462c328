%% <Sup>.GlobalSup: an OTP supervisor over the local supervisor and the child manager.
%%
%% One for all, as the original's: when one of them ends both start again, and with them
%% all children of this node. Intensity 2 within twice the period of the local
%% supervisor, after which it ends with `shutdown' and the members are told. When the local
%% supervisor ends by auto_shutdown, the program has this one end with `shutdown', too
%% (supervisorring_orders), and tells nobody.
%%
%% The user's init/1 runs here. What it returns is checked as OTP's supervisor checks it,
%% with OTP's own terms for what is wrong.
-module(supervisorring_global).
-behaviour(supervisor).

-export([start_link/3, init/1]).
-export([global_name/1, manager_name/1]).

-define(MAX_RESTARTS, 2).

%% Starts the supervisor Sup of this node, with the children that belong here.
-spec start_link(supervisorring:sup(), module(), term()) ->
          {ok, pid()} | ignore | {error, term()}.
start_link(Sup, Module, Args) ->
    case supervisor:start_link({local, global_name(Sup)}, ?MODULE, {Sup, Module, Args}) of
        {error, {shutdown, {failed_to_start_child, _Child, Reason}}} -> {error, Reason};
        Result -> Result
    end.

%% <Sup>.GlobalSup
-spec global_name(supervisorring:sup()) -> atom().
global_name(Sup) ->
    binary_to_atom(<<(atom_to_binary(Sup))/binary, ".GlobalSup">>).

%% <Sup>.ChildManager
-spec manager_name(supervisorring:sup()) -> atom().
manager_name(Sup) ->
    binary_to_atom(<<(atom_to_binary(Sup))/binary, ".ChildManager">>).

%% Called by OTP's supervisor. A thrown {stop, Reason} is what gen_server takes for the
%% result of OTP's own init/1: so the start ends with Reason and nothing around it.
-spec init({supervisorring:sup(), module(), term()} | [Flags :: term()]) ->
          {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}} | ignore.
init([Flags]) ->
    {ok, {Flags, []}};
init({Sup, Module, Args}) ->
    case Module:init(Args) of
        {ok, {Flags, Specs}} ->
            Period = check(Flags, Specs),
            {ok, {#{strategy => one_for_all, intensity => ?MAX_RESTARTS, period => 2 * Period},
                  [#{id => local_sup, type => supervisor, shutdown => infinity,
                     start => {supervisorring_local, start_link, [Sup]}},
                   %% It may have this member leave first.
                   #{id => child_manager, shutdown => 15000,
                     start => {supervisorring_relay, start_manager,
                               [Sup, Module, Args, {Flags, Specs}]}}]}};
        ignore ->
            ignore;
        Other ->
            throw({stop, {bad_return, {Module, init, Other}}})
    end.

%% OTP's supervisor itself looks at the flags: its checks are not exported otherwise. What it
%% would run and cannot be placed, children without ids of their own, is no strategy here.
check(Flags, Specs) ->
    strategy(Flags) =:= simple_one_for_one
        andalso throw({stop, {supervisor_data, {invalid_strategy, simple_one_for_one}}}),
    case supervisor:init({self, ?MODULE, [otp_flags(Flags)]}) of
        {stop, Reason} -> throw({stop, Reason});
        _Ok -> ok  % with `hibernate' from OTP 27 on
    end,
    Members = members(Flags),
    is_set(Members) orelse throw({stop, {supervisor_data, {invalid_members, Members}}}),
    is_list(Specs) orelse throw({stop, {start_spec, {invalid_child_spec, Specs}}}),
    Children = [Spec || Spec <- Specs, not is_handler(Spec)],
    case supervisor:check_childspecs(Children, auto_shutdown(Flags)) of
        ok -> period(Flags);
        {error, Reason1} -> throw({stop, {start_spec, Reason1}})
    end.

strategy({Strategy, _MaxR, _MaxT}) -> Strategy;
strategy(#{strategy := Strategy}) -> Strategy;
strategy(_Flags) -> one_for_one.

is_handler({dyn_child_handler, Module}) -> is_atom(Module);
is_handler(_Spec) -> false.

otp_flags(#{} = Flags) -> maps:remove(members, Flags);
otp_flags(Flags) -> Flags.

%% Which members own the children: what OTP's flag map may hold besides.
members(#{members := Members}) -> Members;
members(_Flags) -> all.

is_set([_ | _] = Nodes) -> is_names(Nodes);
is_set(Set) -> lists:member(Set, [all, native, beam]).

is_names([Node | Rest]) -> is_atom(Node) andalso is_names(Rest);
is_names(Rest) -> Rest =:= [].

auto_shutdown(#{auto_shutdown := AutoShutdown}) -> AutoShutdown;
auto_shutdown(_Flags) -> never.

period({_Strategy, _MaxR, MaxT}) -> MaxT;
period(#{} = Flags) -> maps:get(period, Flags, 5).
