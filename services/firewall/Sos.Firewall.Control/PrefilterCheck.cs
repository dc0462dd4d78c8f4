using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Verbs;

namespace Sos.Firewall.Control;

/// <summary><c>sosctl firewall check FILE</c>: any ruleset makes a prefilter; shown is how much of it the core takes.</summary>
internal static class PrefilterCheck
{
    /// <summary>Checks a file.</summary>
    /// <param name="terminal">Where the result goes.</param>
    /// <param name="documents">How it is written as JSON.</param>
    /// <param name="path">Rules as <c>nft -f</c> takes them.</param>
    /// <param name="interfaces">Names of the port; none for a port that is like the first that the rules name.</param>
    /// <exception cref="SosException">There is no such file, or nft refuses it.</exception>
    public static int Run(Terminal terminal, FirewallDocuments documents, string path, IReadOnlyList<string> interfaces)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file");
        }

        PrefilterResult result = Compile(path, ref interfaces);
        List<DropReport> left = [.. result.Drops.Where(drop => drop.Share != DropShare.All)];
        PrefilterCheckedDocument document = new(
            path, true, result.Table.RuleCount, result.Table.ElementCount, result.Table.Bytes.Length, [], result.Drops.Count, result.Taken,
            result.Drops.Count(drop => drop.Share == DropShare.Part), result.Elsewhere, result.Logged,
            [.. left.Select(drop => new DropEntry(drop.Place, drop.Text, drop.Share == DropShare.Part ? "part" : "none", drop.Reason))], result.Notes);
        terminal.Write(document, documents.PrefilterCheckedDocument, output =>
        {
            foreach (string note in result.Notes)
            {
                output.WriteLine($"note: {note}");
            }

            foreach (DropReport drop in left)
            {
                output.WriteLine($"{drop.Place}: left to Linux{(drop.Share == DropShare.Part ? " in part" : string.Empty)}: {drop.Reason}");
                output.WriteLine($"    {drop.Text}");
            }

            if (result.Logged > 0)
            {
                output.WriteLine($"{result.Logged} of the rules log, or answer within a limit: of each as many packets a second pass as its limit lets "
                    + "through, else 10, so that Linux does so");
            }

            output.WriteLine($"{path}: for {string.Join(", ", interfaces)} the core takes {Share(result)} of what drops here, "
                + $"{document.Taken} of {document.Drops} rules and policies"
                + $"{(document.TakenInPart > 0 ? $" ({document.TakenInPart} of them in part)" : string.Empty)}; Linux judges the rest"
                + (document.Elsewhere > 0 ? $", and {document.Elsewhere} that drop what it sends or forwards" : string.Empty));
        });
        return 0;
    }

    private static string Share(PrefilterResult result)
        => result.Drops.Count == 0 ? "all" : (result.Taken / (double)result.Drops.Count).ToString("0 %", CultureInfo.InvariantCulture);

    private static PrefilterResult Compile(string path, ref IReadOnlyList<string> interfaces)
    {
        try
        {
            RulesetListing listing = RulesetLister.ListFile(path);
            if (interfaces.Count == 0)
            {
                interfaces = [listing.FindPortName() ?? "eth0"];
            }

            return PrefilterCompiler.Compile(listing.Json, listing.AddTo(LivePort.OfFile(interfaces) with { RecordsConnections = true }));
        }
        catch (RulesetLoadException e)
        {
            throw new SosException(SosError.BadTable, e.Message, e);
        }
    }
}
