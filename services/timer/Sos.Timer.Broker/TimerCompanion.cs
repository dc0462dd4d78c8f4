using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Timer.Layout;

namespace Sos.Timer.Broker;

/// <summary>The timer service's companion: its parameters, the memory that it shares with broker and clients, and its broker in sosd.</summary>
public sealed class TimerCompanion : ICompanion
{
    /// <summary>The service's name.</summary>
    public const string ServiceName = "timer";

    /// <summary>The start option that names the socket at which sosd serves clients.</summary>
    public const string SocketOption = "socket";

    /// <summary>The start option with the user ids that may connect there, with commas between them.</summary>
    public const string AllowOption = "allow";

    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public string Service => ServiceName;

    /// <inheritdoc/>
    public IReadOnlyList<ServiceParameter> Parameters { get; } = [ServiceParameter.Number("tolerance-ns", 0, ulong.MaxValue), .. ServiceParameter.Idle];

    /// <inheritdoc/>
    public IReadOnlyList<StartOption> Options { get; } =
    [
        new(SocketOption, "The timer service: where sosd serves its clients; without it 'sosctl timer serve' does", IsFile: true),
        new(AllowOption, "The timer service: user ids that may have timers beside root, as 1000,1001", IsFile: false),
    ];

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, ServicePlan plan)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(plan);
        _ = ReadAllowed(plan);
        return configuration with
        {
            PacketMemorySize = 0,
            TableSlotSize = 0,
            SharedMemory = [TimerAdmin.Size, .. Enumerable.Repeat((ulong)TimerArea.TotalSize, TimerAdmin.ClientsMax)],
        };
    }

    /// <inheritdoc/>
    public Action<CancellationToken>? Follow(FollowContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Record.Plan.Options.TryGetValue(SocketOption, out string? socket) ? end => Serve(context, socket, end) : null;
    }

    /// <summary>Reads the user ids that a plan lets in.</summary>
    /// <exception cref="SosException">One is no user id.</exception>
    internal static IReadOnlySet<uint> ReadAllowed(ServicePlan plan)
    {
        HashSet<uint> allowed = [];
        string text = plan.Options.GetValueOrDefault(AllowOption, "");
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            allowed.Add(uint.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out uint user)
                ? user
                : throw new SosException(SosError.Usage, $"--{AllowOption} takes user ids with commas between them, as 1000,1001, and no \"{part}\""));
        }

        return allowed;
    }

    // The broker's life is that of the service that it lends: what is started again has another one.
    private static void Serve(FollowContext context, string socket, CancellationToken end)
    {
        using IServiceCore core = new CoreBackEnds().Open(context.Record.Cpu);
        using IProgramAccess access = core.OpenPrograms(context.Record);
        using TimerHost host = new(core, context.Record, access);
        using TimerBroker broker = new(host, socket, ReadAllowed(context.Record.Plan));
        context.Log($"timers are served at {socket}");
        while (!end.WaitHandle.WaitOne(Round) && host.IsRunning)
        {
        }
    }
}
