using System.IO;
using System.Linq;
using Sos.Firewall.Rules.Prefilter;
using Xunit;
using Xunit.Abstractions;

namespace Sos.Firewall.Tests.Prefilter;

/// <summary>Rulesets of the shapes that people publish: each makes a prefilter.</summary>
public class PublishedRulesetTests(ITestOutputHelper output)
{
    public static TheoryData<string> Files => [.. Directory.GetFiles(Path.Combine(Root(), "tests", "Sos.Firewall.Tests", "Rulesets"), "*.nft").Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public void It_Makes_A_Prefilter(string file)
    {
        RulesetListing listing = RulesetLister.ListFile(file);
        foreach (bool records in (bool[])[false, true])
        {
            PrefilterResult result = PrefilterCompiler.Compile(
                listing.Json, listing.AddTo(PrefilterBench.Host with { RecordsConnections = records }));
            Assert.Empty(result.Notes);
            output.WriteLine($"{Path.GetFileName(file)}, records {records}: {result.Taken} of {result.Drops.Count}, elsewhere {result.Elsewhere}");
            foreach (DropReport drop in result.Drops.Where(drop => drop.Share != DropShare.All))
            {
                output.WriteLine($"  {drop.Share} {drop.Place}: {drop.Text}: {drop.Reason}");
            }
        }
    }

    private static string Root()
    {
        string folder = System.AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Sos.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }
}
