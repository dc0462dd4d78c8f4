using System.Collections.Generic;
using System.Linq;
using System.Net;
using Sos.Demo.Rules;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class BlockListTests
{
    private readonly BlockList _list = new(10_000, seed: 2);

    [Fact]
    public void HasAsManyEntriesAsAskedForAndNoneTwice()
    {
        List<string> entries = [.. _list.Entries];
        Assert.Equal(10_000, entries.Count);
        Assert.Equal(10_000, entries.Distinct().Count());
        Assert.Equal(1_000, entries.Count(entry => entry.EndsWith("/24", System.StringComparison.Ordinal)));
    }

    [Fact]
    public void EverySourceIsOnTheList()
    {
        List<IPNetwork> networks =
            [.. _list.Entries.Select(entry => IPNetwork.Parse(entry.Contains('/') ? entry : entry + "/32"))];
        HashSet<IPAddress> addresses =
            [.. networks.Where(network => network.PrefixLength == 32).Select(network => network.BaseAddress)];
        List<IPNetwork> wide = [.. networks.Where(network => network.PrefixLength == 24)];
        Assert.All(_list.Sources(10_500).Where((_, index) => index % 50 == 0), source =>
            Assert.True(addresses.Contains(source) || wide.Exists(network => network.Contains(source)), source.ToString()));
    }

    [Fact]
    public void RulesLetInWhatTheClientsAskFor()
    {
        string rules = _list.Ruleset();
        Assert.Contains("tcp dport { 22, 80 } counter accept", rules);
        Assert.Contains("policy drop", rules);
        Assert.Contains(_list.Entries.First(), rules);
    }
}
