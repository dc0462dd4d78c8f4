using System;
using Sos.Cores.Isolation;
using Sos.Ctl;
using Sos.Ctl.Commands;
using Sos.Verbs;

KeeperProgram.Current = KeeperProgram.Own(CoreCommands.Name);
return CommandLine.Run(args, new Terminal(StandardOutput.Open(), Console.Error));
