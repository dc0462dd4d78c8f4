using System;
using System.Collections.Generic;

namespace Sos.Firewall.Rules;

/// <summary>The counters and limits without a name of one rule. Where a rule becomes several rows, each of them counts and limits with the same.</summary>
/// <param name="counter">What each of its counters stands for.</param>
internal sealed class RuleObjects(CompiledCounter counter)
{
    private readonly Dictionary<(string Kind, int Place), uint> _numbers = [];
    private readonly Dictionary<string, int> _met = [];

    /// <summary>Tells what each of its counters stands for.</summary>
    public CompiledCounter Counter => counter;

    /// <summary>Begins a row, which has the same statements in the same order as the rows before it.</summary>
    public void BeginRow() => _met.Clear();

    /// <summary>Returns the number of the row's next object of a kind.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="add">Makes the object and numbers it; asked for the first row that has it.</param>
    public uint Share(string kind, Func<uint> add)
    {
        int place = _met.GetValueOrDefault(kind);
        _met[kind] = place + 1;
        if (!_numbers.TryGetValue((kind, place), out uint number))
        {
            number = add();
            _numbers.Add((kind, place), number);
        }

        return number;
    }
}
