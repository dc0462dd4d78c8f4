using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Firewall.Rules.Prefilter;
using Xunit;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>Compiles rules into prefilters and asks the service which frames it drops.</summary>
internal static class PrefilterBench
{
    /// <summary>A host that forwards nothing.</summary>
    public static readonly PrefilterOptions Host = new() { PortNames = [FirewallBench.PortName], ForwardsExceptIpv4 = null, ForwardsExceptIpv6 = null };

    public static RulesetListing List(string rules)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, rules);
            return RulesetLister.ListFile(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static PrefilterResult Compile(string rules, PrefilterOptions? options = null)
    {
        RulesetListing listing = List(rules);
        return PrefilterCompiler.Compile(listing.Json, listing.AddTo(options ?? Host));
    }

    /// <summary>The frames that a prefilter drops.</summary>
    public static HashSet<string> Dropped(PrefilterResult prefilter, IReadOnlyList<byte[]> frames)
    {
        using FirewallBench bench = new();
        Assert.True(bench.Harness.LoadTable(prefilter.Table.Bytes));
        HashSet<string> passed = [.. bench.Filter(frames).Select(Convert.ToHexString)];
        return [.. frames.Select(Convert.ToHexString).Where(frame => !passed.Contains(frame))];
    }
}
