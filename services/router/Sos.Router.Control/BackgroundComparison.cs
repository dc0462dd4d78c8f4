using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Router.Routes;

namespace Sos.Router.Control;

/// <summary>
/// Compares addresses with the kernel's answers a few at a time, round after round, for as long as a table is followed. What differs is looked at again in the
/// steps that follow, and counts when it differs in three of them.
/// </summary>
/// <param name="next">Gives the addresses of a round.</param>
/// <param name="ask">Says the way that Linux has for an address, and the core's.</param>
/// <param name="refresh">Asks anew for all that ways are made of.</param>
internal sealed class BackgroundComparison(
    Func<IEnumerable<RouteAddress>> next, Func<RouteAddress, (string Wanted, string Found)> ask, Action refresh)
{
    /// <summary>Steps in which an address must differ.</summary>
    public const int StepsToCount = 3;

    private readonly Queue<RouteAddress> _round = [];
    private Dictionary<RouteAddress, int> _suspects = [];

    /// <summary>Addresses that were compared.</summary>
    public ulong Compared { get; private set; }

    /// <summary>Those of them that differed.</summary>
    public ulong Different { get; private set; }

    /// <summary>Compares some more.</summary>
    /// <param name="count">How many.</param>
    /// <returns>The addresses that count as different since this step.</returns>
    public List<RouteDifference> Step(int count)
    {
        List<RouteDifference> differences = [];
        Dictionary<RouteAddress, int> suspects = [];
        if (_suspects.Count > 0)
        {
            refresh();
        }

        foreach ((RouteAddress address, int steps) in _suspects)
        {
            if (Compare(address) is not { } difference)
            {
                continue;
            }

            if (steps + 1 < StepsToCount)
            {
                suspects[address] = steps + 1;
                continue;
            }

            Different++;
            differences.Add(difference);
        }

        if (_round.Count == 0)
        {
            next().ToList().ForEach(_round.Enqueue);
        }

        for (; count > 0 && _round.TryDequeue(out RouteAddress address); count--)
        {
            Compared++;
            if (Compare(address) is not null)
            {
                suspects.TryAdd(address, 1);
            }
        }

        _suspects = suspects;
        return differences;
    }

    private RouteDifference? Compare(RouteAddress address)
    {
        (string wanted, string found) = ask(address);
        return wanted == found ? null : new RouteDifference(address, wanted, found);
    }
}
