using System;
using Sos.Cores.Network;
using Sos.Router.Control;
using Sos.Router.Tables;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>The follower in a network namespace of its own.</summary>
public sealed unsafe class RouteFollowerTests
{
    [Fact]
    public void ItShowsLifeAlreadyWhileItAsksForAll()
    {
        string name = $"sos-rf{Environment.ProcessId}";
        NetworkPlace.Run("ip", $"netns add {name}");
        try
        {
            NetworkPlace.Run("ip", $"-n {name} link set lo up");
            NetworkPlace.OnThreadOfItsOwn(() =>
            {
                using NetworkNamespace place = NetworkNamespace.TryEnter(NetworkPlace.Inode(name))!;
                using TableMemory memory = new(RouterCapacity.Small);
                using RouteFollower follower = new(memory.Table, [["p0"], ["p1"]], new FollowerOptions(), _ => { });
                Assert.InRange(memory.Table.Header->Beats, 5UL, ulong.MaxValue); // for each of the long answers, at least
            });
        }
        finally
        {
            NetworkPlace.Run("ip", $"netns del {name}");
        }
    }
}
