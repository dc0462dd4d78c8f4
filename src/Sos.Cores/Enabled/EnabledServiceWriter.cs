using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Sos.Cores.Plan;
using Tomlyn.Syntax;

namespace Sos.Cores.Enabled;

/// <summary>Writes an enabled service as TOML that a person edits: comments, and no key that says what would be so without it.</summary>
internal static class EnabledServiceWriter
{
    public static string Write(EnabledService service)
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # sosd starts this service after each boot. docs/enabled.md explains every key.
            # 'sosctl service check {service.Name}' checks what is written here, 'sosctl service disable {service.Name}' removes it.

            # The cpu that becomes the service's core, and how it is kept from Linux: "offline", "isolated", or "auto" for the best there is.
            core = {service.Core}
            back-end = {Quote(service.BackEndName)}
            """);
        WriteIf(text, service.ForceCore, "force-core", true);
        WriteIf(text, service.CoreOptions.ShareCore, "share-core", true);
        WriteIf(text, service.CoreOptions.Performance != CorePerformance.Max, "performance", service.CoreOptions.Performance);
        WriteIf(text, service.CoreOptions.ResctrlClass is not null, "resctrl-class", service.CoreOptions.ResctrlClass ?? 0);
        text.AppendLine().AppendLine("# Lower numbers are started first. With before-network, the network is configured once the service has its cards.");
        WriteIf(text, true, "order", service.Order);
        WriteIf(text, true, "before-network", service.BeforeNetwork);
        text.AppendLine();
        WritePlan(text, service.Plan);
        return text.ToString();
    }

    private static void WritePlan(StringBuilder text, ServicePlan plan)
    {
        WriteIf(text, true, "image", plan.Image);
        WriteIf(text, plan.ArenaSize != 0, "arena-bytes", plan.ArenaSize);
        WriteIf(text, plan.PacketMemorySize is not null, "packet-memory-bytes", plan.PacketMemorySize ?? 0);
        WriteIf(text, plan.TableSlotSize is not null, "table-slot-bytes", plan.TableSlotSize ?? 0);
        WriteIf(text, plan.ForceUnconfined, "force-unconfined", true);
        WriteIf(text, plan.Scheduling != SchedulingWish.Auto, "scheduling", plan.Scheduling);
        WriteIf(text, plan.Watchdog is not null, "watchdog-ms", (ulong)(plan.Watchdog?.TotalMilliseconds ?? 0));
        text.AppendLine().AppendLine("[restart]");
        WriteIf(text, true, "mode", RestartModeWords.Of(plan.Restart.Mode));
        WriteIf(text, plan.Restart.Limit != RestartPolicy.DefaultLimit, "limit", plan.Restart.Limit);
        foreach (PortPlan port in plan.Ports)
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"[ports.{Key(port.Name)}]");
            WriteIf(text, port.Device is not null, "device", port.Device ?? "");
            string? hostPort = port.HasHostPort ? port.HostPort : EnabledServiceReader.NoHostPort;
            WriteIf(text, hostPort is not null, "host-port", hostPort ?? "");
            WriteIf(text, port.Force, "force", true);
            WriteIf(text, port.BusyPoll, "busy-poll", true);
            WriteIf(text, port.Open, "on-failure", "open");
        }

        WriteTable(text, "options", plan.Options);
        WriteTable(text, "parameters", plan.Parameters);
    }

    private static void WriteTable(StringBuilder text, string name, IReadOnlyDictionary<string, string> values)
    {
        if (values.Count > 0)
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"[{name}]");
            foreach ((string key, string value) in values)
            {
                WriteIf(text, true, Key(key), value);
            }
        }
    }

    private static void WriteIf(StringBuilder text, bool condition, string key, object value)
    {
        if (condition)
        {
            string written = value switch
            {
                string words => Quote(words),
                bool flag => flag ? "true" : "false",
                Enum one => Quote(Lower(one)),
                _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
            };
            text.AppendLine(CultureInfo.InvariantCulture, $"{key} = {written}");
        }
    }

    private static string Lower(Enum value) => value.ToString().ToLowerInvariant();

    private static string Key(string name) => BareKeySyntax.IsBareKey(name) ? name : Quote(name);

    private static string Quote(string text) => new StringValueSyntax(text).ToString();
}
