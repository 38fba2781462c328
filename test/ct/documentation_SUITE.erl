%% What `h' shows, and what Dialyzer reads.
-module(documentation_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, every_export_has_a_spec/1, the_users_modules_are_documented/1]).

all() ->
    [every_export_has_a_spec, the_users_modules_are_documented].

every_export_has_a_spec(_Config) ->
    Missing = [{Module, Function}
               || Module <- modules(), Function <- exports(Module), not lists:member(Function, specs(Module))],
    ?assertEqual([], Missing).

the_users_modules_are_documented(_Config) ->
    [?assertEqual([], undocumented(Module)) || Module <- users_modules()],
    ok.

users_modules() ->
    _ = application:load(supervisorring),
    [supervisorring, dyn_child_handler, supervisorring_ring, 'Elixir.Supervisorring', 'Elixir.NanoRing',
     'Elixir.ConsistentHash', 'Elixir.LWWElemSet'].

undocumented(Module) ->
    {ok, {docs_v1, _, _, _, OfModule, _, Entries}} = code:get_doc(Module),
    [Module || not is_map(OfModule)]
        ++ [{Module, Name, Arity} || {{function, Name, Arity}, _, _, none, _} <- Entries,
                                     lists:member({Name, Arity}, exports(Module))].

modules() ->
    _ = application:load(supervisorring),
    {ok, Modules} = application:get_key(supervisorring, modules),
    Modules.

exports(Module) ->
    Module:module_info(exports) -- [{module_info, 0}, {module_info, 1}, {behaviour_info, 1}].

specs(Module) ->
    {ok, {_, [{abstract_code, {_, Forms}}]}} = beam_lib:chunks(code:which(Module), [abstract_code]),
    [case Name of
         {_, Function, Arity} -> {Function, Arity};
         Function -> Function
     end || {attribute, _, spec, {Name, _}} <- Forms].
