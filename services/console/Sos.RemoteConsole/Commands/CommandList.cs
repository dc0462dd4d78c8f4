using Sos.RemoteConsole.Commands.Actions;
using Sos.RemoteConsole.Commands.Linux;

namespace Sos.RemoteConsole.Commands;

/// <summary>Something that looks at each command of the list.</summary>
internal interface ICommandVisitor
{
    /// <summary>Looks at a command.</summary>
    void Visit<TCommand>()
        where TCommand : struct, ICommand;
}

/// <summary>
/// The commands, in the order of the help. A new one is a line here and a file of its own; nothing else knows them by name. There are no tables of
/// function pointers on a service core: the compiler writes the calls out.
/// </summary>
internal static class CommandList
{
    /// <summary>Shows the commands to a visitor, one after the other.</summary>
    public static void Show<TVisitor>(ref TVisitor visitor)
        where TVisitor : ICommandVisitor, allows ref struct
    {
        visitor.Visit<HelpCommand>();
        visitor.Visit<StatusCommand>();
        visitor.Visit<ServiceCommand>();
        visitor.Visit<LogCommand>();
        visitor.Visit<WhoCommand>();
        visitor.Visit<VersionCommand>();
        visitor.Visit<UptimeCommand>();
        visitor.Visit<DmesgCommand>();
        visitor.Visit<PsCommand>();
        visitor.Visit<StackCommand>();
        visitor.Visit<CpusCommand>();
        visitor.Visit<LoadCommand>();
        visitor.Visit<MemCommand>();
        visitor.Visit<SlabCommand>();
        visitor.Visit<ModulesCommand>();
        visitor.Visit<MountsCommand>();
        visitor.Visit<IrqCommand>();
        visitor.Visit<SoftirqCommand>();
        visitor.Visit<NetCommand>();
        visitor.Visit<NetstatCommand>();
        visitor.Visit<SymCommand>();
        visitor.Visit<ReadCommand>();
        visitor.Visit<VmcoreCommand>();
        visitor.Visit<SysrqCommand>();
        visitor.Visit<NmiCommand>();
        visitor.Visit<CrashCommand>();
        visitor.Visit<RebootCommand>();
        visitor.Visit<ReleaseCommand>();
        visitor.Visit<ExitCommand>();
    }
}
