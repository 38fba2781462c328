#!/usr/bin/env escript
%%! +fnu +pc latin1
%% -*- coding: utf-8 -*-
%% Makes term-order-otp25.txt and term-text-otp25.txt in the folder given: `escript terms.escript test/golden`.
-mode(compile).
main([Dir]) ->
    Otp = erlang:system_info(otp_release),
    rand:seed(exsss, {2, 20, 200}),
    Terms = terms(),
    Sorted = lists:sort(Terms),
    Rows = order_rows(Sorted, none),
    Head = ["# OTP ", Otp, ": lists:sort(Terms) of terms.escript. A row: '<' or '=' (erlang:'==' with the row before),\n",
            "# term_to_binary(T, [{minor_version,1}]), term_to_binary(T, [{minor_version,2}]), as hex.\n"],
    write(Dir, "term-order-otp" ++ Otp ++ ".txt", [Head | Rows]),
    TextHead = ["# OTP ", Otp, ", +pc latin1: term_to_binary(T, [{minor_version,2}]) as hex, io_lib:format(\"~0tp\", [T]) as UTF-8.\n"],
    write(Dir, "term-text-otp" ++ Otp ++ ".txt", [TextHead | [text_row(T) || T <- Terms ++ texts(), printable(T)]]).

write(Dir, Name, Text) -> ok = file:write_file(filename:join(Dir, Name), unicode:characters_to_binary(Text)).

order_rows([], _) -> [];
order_rows([T | Rest], none) -> [row("<", T) | order_rows(Rest, {T})];
order_rows([T | Rest], {Before}) -> [row(case T == Before of true -> "="; false -> "<" end, T) | order_rows(Rest, {T})].

row(Sign, T) -> [Sign, $\s, hex(term_to_binary(T, [{minor_version,1}])), $\s, hex(term_to_binary(T, [{minor_version,2}])), $\n].

text_row(T) -> [hex(term_to_binary(T, [{minor_version,2}])), $\s, io_lib:format("~0tp", [T]), $\n].

hex(Bytes) -> [io_lib:format("~2.16.0b", [B]) || <<B>> <= Bytes].

%% Identifiers print with numbers of the printing node; an exported fun with unusual atoms prints without quotes.
printable(T) when is_pid(T); is_port(T); is_reference(T); is_function(T) -> T =:= fun lists:map/2;
printable(T) when is_tuple(T) -> lists:all(fun printable/1, tuple_to_list(T));
printable(T) when is_map(T) -> map_size(T) =< 32 andalso printable(maps:to_list(T));
printable([H | R]) -> printable(H) andalso printable(R);
printable(_) -> true.

pid(N, I, S, C) -> binary_to_term(<<131,88,119,(byte_size(N)),N/binary,I:32,S:32,C:32>>).
port(N, I, C) -> binary_to_term(<<131,120,119,(byte_size(N)),N/binary,I:64,C:32>>).
ref(N, C, W) -> binary_to_term(<<131,90,(length(W)):16,119,(byte_size(N)),N/binary,C:32,(<< <<X:32>> || X <- W>>)/binary>>).
closure(M, Index, Uniq, Free) ->
    Rest = iolist_to_binary([1, <<7:128>>, <<Index:32, (length(Free)):32>>, 119, byte_size(M), M,
                             97, Index, 98, <<Uniq:32>>, <<88,119,3,"a@h",1:32,0:32,1:32>>,
                             [tl(binary_to_list(term_to_binary(F))) || F <- Free]]),
    binary_to_term(iolist_to_binary([131, 112, <<(byte_size(Rest) + 4):32>>, Rest])).

terms() ->
    Numbers = [0, 1, -1, 255, 256, 2147483647, -2147483648, 2147483648, -2147483649, 1 bsl 53, (1 bsl 53) + 1, (1 bsl 59) - 1, 1 bsl 59,
               1 bsl 62, (1 bsl 63) - 1, 1 bsl 63, -(1 bsl 63), -(1 bsl 63) - 1, 1 bsl 64, (1 bsl 64) + 1, -(1 bsl 64), 1 bsl 200, (1 bsl 2039) + 5, 1 bsl 2040, -(1 bsl 2041),
               1.0, 0.0, -1.0, 0.5, 255.5, 9007199254740992.0, 9007199254740994.0, 9223372036854775808.0, -9223372036854775808.0,
               18446744073709551616.0, 1.0e60, -1.0e60, 1.7976931348623157e308, 5.0e-324, 1 bsl 1023, float(1 bsl 1023), (1 bsl 1023) + 1, (1 bsl 1023) - 1, 1 bsl 1024],
    Atoms = ['', a, b, aa, ab, 'A', 'é', 'Ж', 'ÿ', 'Ā', 'x😀', 'x￮', list_to_atom(lists:duplicate(255, $z)), list_to_atom(lists:duplicate(255, 1046)), list_to_atom(lists:duplicate(255, 233)), true, '$gen_call', '_', '[]'],
    Ids = [pid(<<"b@h">>,1,0,1), pid(<<"a@h">>,2,0,1), pid(<<"a@h">>,1,1,1), pid(<<"a@h">>,1,0,2), pid(<<"a@h">>,1,0,1), pid(<<"\303\251@h"/utf8>>,1,0,1),
           port(<<"a@h">>,2,1), port(<<"b@h">>,1,1), port(<<"a@h">>,1,1), port(<<"a@h">>,1,3), port(<<"a@h">>,(1 bsl 28) - 1,3), port(<<"a@h">>,1 bsl 28,3), port(<<"a@h">>,1 bsl 40,3),
           ref(<<"a@h">>,1,[1,2,3]), ref(<<"b@h">>,1,[0,0,0]), ref(<<"a@h">>,1,[9,2,3]), ref(<<"a@h">>,2,[1,3,3]), ref(<<"a@h">>,1,[1,2,3,4,5]), ref(<<"a@h">>,1,[7]), ref(<<"a@h">>,1,[7,1]),
           fun lists:map/2, fun lists:map/3, fun a:b/1, fun 'Ж':b/1, closure(<<"m">>,1,5,[]), closure(<<"m">>,2,4,[]), closure(<<"m">>,1,6,[]), closure(<<"m">>,1,5,[a]), closure(<<"l">>,9,9,[a])],
    Bits = [<<>>, <<0>>, <<0:1>>, <<1:1>>, <<0:7>>, <<255>>, <<255,0>>, <<255,1:1>>, <<255,0:1>>, <<1,2,3>>, <<1,2,3:7>>, <<"abc">>, <<1,2:3>>, <<1,2:2,1:1>>, << <<X>> || X <- lists:seq(0, 255) >>],
    Lists = [[], [a], [a|b], [a,b], [a,b|c], [a|1], "abc", "abd", "ab", [97,98|c], [1.0,2], [1,2], [[]], [[],[]], [<<>>|<<1>>], [a|{}], lists:seq(1, 300), [256,255]],
    Tuples = [{}, {a}, {b}, {1}, {1.0}, {a,b}, {a,[b|c]}, {{}}, {{{}}}, list_to_tuple(lists:seq(1, 255)), list_to_tuple(lists:seq(1, 256))],
    Maps = [#{}, #{a => 1}, #{a => 2}, #{b => 1}, #{1 => a}, #{1.0 => a}, #{2 => a}, #{1 => a, 1.0 => b}, #{1 => 1}, #{1 => 1.0}, #{1 => 2}, #{a => 1, b => 2}, #{a => 2, b => 1}, #{[] => {}, {} => []}, #{#{} => #{}}, #{#{1 => a} => b}, #{#{1.0 => a} => b},
            #{"x" => 1, <<"x">> => 2, x => 3, 1 => 4, 1.5 => 5, {x} => 6, [] => 7, fun lists:map/2 => 8}],
    Basic = Numbers ++ Atoms ++ Ids ++ Bits ++ Lists ++ Tuples ++ Maps,
    Small = [T || T <- Basic, erlang:external_size(T) < 100],
    Keys = Small -- [0.0],
    Mixed = [element(rand:uniform(4), {{pick(Small), pick(Small)}, [pick(Small), pick(Small)], [pick(Small) | pick(Small)], #{pick(Keys) => pick(Small), pick(Keys) => pick(Small)}}) || _ <- lists:seq(1, 120)],
    Wide = [maps:from_list([{pick(Keys), I} || I <- lists:seq(1, rand:uniform(30))]) || _ <- lists:seq(1, 20)],
    Basic ++ Mixed ++ Wide.

pick(List) -> lists:nth(rand:uniform(length(List)), List).

texts() ->
    Floats = [rand:uniform() * math:pow(10, rand:uniform(60) - 30) || _ <- lists:seq(1, 150)] ++ [float(rand:uniform(1000)) * math:pow(10, rand:uniform(24)) || _ <- lists:seq(1, 100)],
    Floats ++ [-F || F <- lists:sublist(Floats, 10)] ++
    [-0.0, 100.0, 1.0e3, 0.1, 0.01, 0.001, 1.0e-4, 1.0e-5, 123456.0, 1.0e22, 9007199254740991.0] ++
    ['a b', 'if', maybe, 'else', 'cond', 'let', 'été', 'Été', 'éA@_1', 'жук', 'a\nb', 'a\\b', 'a\'b', '_a', a@b, 'a.b', list_to_atom([0,1,27,127,128,160]), 'ªx', 'aª', 'ß', 'aЖ', 'a÷', '÷', 'aº', 'aÿ', 'andalso'] ++
    ["a\tb\n\"\\", "é", [1046], [128], [160], [27,8,11,12], [127], [0], [$a,256]] ++
    [<<195,169>>, <<233>>, <<208,150>>, <<27,8,9,10,34>>, <<160>>, <<97,127>>, <<128,97>>, <<97,5:3>>, <<5:3>>, <<"a\\b">>, <<"abc", 195,169>>].
