using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Firewall.Control;
using Sos.Firewall.Rules;
using Sos.Firewall.Tests.Prefilter;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests;

/// <summary>Rulesets of the shapes that people publish, as a check reads them for a core that decides alone.</summary>
public class AuthoritativeRulesetTests(ITestOutputHelper output)
{
    private static readonly string[] Taken =
    [
        "059.nft", "061.nft", "069.nft", "078.nft", "083.nft", "088.nft", "090.nft", "095.nft", "097.nft", "101.nft", "103.nft", "115.nft", "117.nft",
        "119.nft", "121.nft", "129.nft", "132.nft", "135.nft", "142.nft",
    ];

    [Fact]
    public void None_Is_Refused_For_Its_Interfaces_Or_For_Filter_Chains_On_What_Linux_Sends()
    {
        List<string> taken = [];
        foreach (string file in ((IEnumerable<object[]>)PublishedRulesetTests.Files).Select(row => (string)row[0]))
        {
            CompileResult result = FirewallCompanion.Compile(file, new CompileOptions { IsPortOpen = true, ForwardsNothing = true, Sent = SentFrames.Judged });
            List<RuleDiagnostic> errors = [.. result.Diagnostics.Where(item => item.Severity == RuleSeverity.Error)];
            output.WriteLine($"{Path.GetFileName(file)}: {(errors.Count == 0 ? "taken" : $"{errors.Count} errors")}");
            errors.ForEach(error => output.WriteLine($"  {error.ToString().ReplaceLineEndings(" ")}"));
            Assert.DoesNotContain(errors, error => error.Id == RuleDiagnosticIds.Interface);
            Assert.DoesNotContain(errors, error => error.Message.StartsWith("\"type filter hook", StringComparison.Ordinal));
            Assert.DoesNotContain(errors, error => error.Message.StartsWith("\"log\"", StringComparison.Ordinal));
            Assert.DoesNotContain(errors, error => error.Message.StartsWith("\"limit\"", StringComparison.Ordinal));
            Assert.DoesNotContain(errors, error => error.Message.Contains("\"quota\"", StringComparison.Ordinal));
            if (result.Table is not null)
            {
                taken.Add(Path.GetFileName(file));
            }
        }

        output.WriteLine($"taken: {taken.Count}: {string.Join(", ", taken)}");
        Assert.Empty(Taken.Except(taken));
    }
}
