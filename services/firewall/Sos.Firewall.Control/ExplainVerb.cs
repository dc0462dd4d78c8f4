using System.Collections.Generic;
using System.Linq;
using Sos.Cores;
using Sos.Firewall.Connections;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Firewall.Tables;
using Sos.Sdk.Wire;
using Sos.Verbs;

namespace Sos.Firewall.Control;

/// <summary>A question to <c>sosctl firewall explain</c>.</summary>
/// <param name="Packet">The packet in words.</param>
/// <param name="Rules">A file, or null for the rules of this network namespace.</param>
/// <param name="Interfaces">The names of the device that it arrives by.</param>
/// <param name="Capture">A capture with the packet, or null.</param>
/// <param name="IsOfConnection">Whether it may belong to a connection.</param>
internal sealed record ExplainRequest(
    IReadOnlyList<string> Packet, string? Rules, IReadOnlyList<string> Interfaces, string? Capture, bool IsOfConnection);

/// <summary><c>sosctl firewall explain</c>: a packet's way through the rules, as <c>nft monitor trace</c> shows it, and what the core makes of it.</summary>
internal static class ExplainVerb
{
    /// <summary>Explains.</summary>
    /// <exception cref="SosException">The packet or the rules cannot be read.</exception>
    public static int Run(Terminal terminal, FirewallDocuments documents, ExplainRequest request)
    {
        byte[] frame = ReadFrame(request);
        string packet = PacketWords.Describe(frame);
        PacketKey key = default;
        PrefilterTrace trace = WhyUnread(frame, ref key) is { } reason ? new PrefilterTrace([], false, false, reason) : Follow(request, frame, key);
        terminal.Write(
            new ExplainedDocument(packet, trace.IsDropped, trace.IsLogged, trace.Reason, [.. trace.Steps.Select(step => new StepEntry(
                step.Depth, step.Chain, step.Text, step.IsSure ? "yes" : "maybe", step.Outcome, step.Doubt))]),
            documents.ExplainedDocument,
            output =>
            {
                output.WriteLine($"{packet}, {(request.IsOfConnection ? "perhaps of a connection" : "of no connection")}");
                string chain = string.Empty;
                foreach (TraceStep step in trace.Steps)
                {
                    if (step.Chain != chain)
                    {
                        output.WriteLine($"{new string(' ', step.Depth * 2)}{step.Chain}");
                        chain = step.Chain;
                    }

                    string doubt = step.Doubt.Length > 0 ? $" (may match: {step.Doubt})" : string.Empty;
                    output.WriteLine($"{new string(' ', (step.Depth * 2) + 2)}{step.Text}{doubt}: {step.Outcome}");
                }

                output.WriteLine(trace.IsDropped
                    ? $"The core drops it: {trace.Reason}{(trace.IsLogged ? "; but for those that pass so that Linux logs or answers them" : string.Empty)}"
                    : $"The core passes it to Linux: {trace.Reason}");
            });
        return 0;
    }

    private static byte[] ReadFrame(ExplainRequest request)
        => (request.Capture, request.Packet.Count) switch
        {
            ({ } capture, 0) => CaptureReader.ReadFrame(capture),
            (null, > 0) => PacketWords.Parse(request.Packet),
            _ => throw new SosException(
                SosError.Usage, "name one packet: PROTOCOL SOURCE DESTINATION [FLAGS or TYPE], or --capture FILE:NUMBER"),
        };

    /// <summary>Reads a packet's key as the firewall does.</summary>
    /// <returns>Why the firewall passes it unread, or null.</returns>
    private static string? WhyUnread(byte[] frame, ref PacketKey key)
    {
        MalformedReason malformed = FrameParser.Parse(frame, out ParsedFrame parsed);
        if (malformed != MalformedReason.None)
        {
            return $"it is malformed ({malformed}), and passes unread";
        }

        if (parsed.IpVersion == 0)
        {
            return "it is no IP, and passes unless the parameter non-ip has it dropped";
        }

        PacketKeyReader.Read(frame, in parsed, ref key);
        return parsed.VlanTagCount != 0 ? "it has a VLAN tag, and passes unread"
            : parsed.Fragment.IsFragment ? "it is a fragment, which Linux judges put together, and passes unread"
            : !PacketKeyReader.IsPlain(frame, in parsed, in key) ? "it has IP options or extension headers, and passes unread"
            : DhcpReply.Is(frame, in parsed) ? "it is a reply to a DHCP client, and passes" : null;
    }

    private static PrefilterTrace Follow(ExplainRequest request, byte[] frame, PacketKey key)
    {
        try
        {
            RulesetListing listing = request.Rules is { } file ? RulesetLister.ListFile(file) : RulesetLister.ListLive();
            IReadOnlyList<string> names = request.Interfaces.Count > 0 ? request.Interfaces : [listing.FindPortName() ?? "eth0"];
            PrefilterOptions options = request.Rules is not null
                ? LivePort.OfFile(names)
                : LivePort.Read(names, BackEndKinds.Default, activeGeneration: 0);
            _ = FrameParser.Parse(frame, out ParsedFrame parsed);
            if (!request.IsOfConnection && PacketKeyReader.TryReadConnection(frame, in parsed, in key, out _))
            {
                key.Set(Field.Connection, ConnectionStates.Unanswered);
            }

            return PrefilterCompiler.Explain(listing.Json, listing.AddTo(options with { RecordsConnections = true }), in key);
        }
        catch (RulesetLoadException e)
        {
            throw new SosException(SosError.BadTable, e.Message, e);
        }
    }
}
